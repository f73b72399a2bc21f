import Diagnostics
import SystemPackage
import Testing

@testable import Containers

@Suite struct NspawnCommandTests {
    private func command(
        _ mode: ContainerSpecification.Mode, initialization: RootInspection.Initialization? = nil,
        cgroups: CgroupHierarchies.Layout = .hybrid, _ edit: (inout ContainerSpecification) throws -> Void = { _ in }
    ) throws -> NspawnCommand {
        var specification = ContainerSpecification(
            machine: try MachineName("web"), root: .layers(["/l"]), mode: mode, storage: .kept)
        try edit(&specification)
        return NspawnCommand(
            specification, root: "/root", initialization: initialization, cgroups: cgroups, notifySocket: "/run/n",
            hostTerminalType: nil)
    }

    @Test("a command: streams as they are, a stub init above it, nothing of the host's written into the root") func run() throws
    {
        #expect(
            try command(.run(["ls", "-l"])).arguments == [
                "systemd-nspawn", "--quiet", "--settings=no", "--register=no", "--keep-unit", "--link-journal=no",
                "--timezone=off", "--directory=/root", "--machine=web", "--resolv-conf=off",
                "--network-namespace-path=/proc/self/ns/net", "--capability=CAP_NET_ADMIN", "--drop-capability=CAP_MKNOD",
                "--no-new-privileges=yes",
                "--as-pid2", "--chdir=/",
                "--console=pipe", "--", "ls", "-l",
            ])
    }

    @Test("a machine: its init's own signal shuts it down") func boot() throws {
        let systemd = try command(.boot, initialization: .init(kind: .systemd, systemdVersion: 252)).arguments
        #expect(systemd.suffix(4) == ["--console=interactive", "--notify-ready=yes", "--kill-signal=SIGRTMIN+3", "--boot"])
        let busybox = try command(.boot, initialization: .init(kind: .busybox)).arguments
        #expect(busybox.contains("--kill-signal=SIGUSR2"))
    }

    @Test("options of a container become nspawn's, with colons and backslashes of paths escaped") func options() throws {
        let arguments = try command(.run(["x"])) {
            $0.network = .host
            $0.binds = [
                BindMount(source: "/a:b", destination: "/c\\d", readOnly: true),
                BindMount(source: "/s", destination: "/t", readOnly: false),
            ]
            $0.environment = ["B": "2 = 3", "A": "1"]
            $0.user = "guest"
            $0.readOnly = true
            $0.terminal = true
            try $0.capabilities.apply("+net_admin")
            try $0.capabilities.apply("-CAP_SYS_ADMIN")
        }.arguments
        #expect(arguments.contains(#"--bind-ro=/a\:b:/c\\d"#) && arguments.contains("--bind=/s:/t"))
        #expect(arguments.contains("--setenv=A=1") && arguments.contains("--setenv=B=2 = 3"))
        #expect(arguments.contains("--user=guest") && arguments.contains("--read-only"))
        #expect(arguments.contains("--capability=CAP_NET_ADMIN") && arguments.contains("--drop-capability=CAP_SYS_ADMIN"))
        #expect(arguments.contains("--console=interactive") && arguments.contains("--resolv-conf=auto"))
        #expect(!arguments.contains { $0.hasPrefix("--network-namespace-path") })
    }

    @Test("a joined namespace is not the container's to configure") func joined() throws {
        let arguments = try command(.run(["x"])) { $0.network = .namespace("n") }.arguments
        #expect(!arguments.contains("--capability=CAP_NET_ADMIN"))
        #expect(arguments.contains("--network-namespace-path=/proc/self/ns/net"))
    }

    @Test("a systemd that refuses cgroup v1 is shown v2 alone on a hybrid host, and only there") func newSystemd() throws {
        let key = "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"
        let new = RootInspection.Initialization(kind: .systemd, systemdVersion: 257)
        #expect(try command(.boot, initialization: new).environment[key] == "1")
        #expect(try command(.boot, initialization: new, cgroups: .unified).environment[key] == nil)
        let old = RootInspection.Initialization(kind: .systemd, systemdVersion: 252)
        #expect(try command(.boot, initialization: old).environment[key] == nil)
    }

    @Test("what can't be meant is refused before anything is touched") func validation() throws {
        func refused(_ mode: ContainerSpecification.Mode, _ edit: (inout ContainerSpecification) -> Void) throws {
            var specification = ContainerSpecification(
                machine: try MachineName("web"), root: .layers(["/l"]), mode: mode, storage: .kept)
            edit(&specification)
            let error = #expect(throws: ProvisionError.self) { try specification.validate() }
            #expect(error?.code == .usage)
        }
        try refused(.run([])) { _ in }
        try refused(.run([""])) { _ in }
        try refused(.boot) { $0.user = "guest" }
        try refused(.boot) { $0.timeout = 0 }
        try refused(.boot) { $0.environment = ["": "x"] }
        try refused(.boot) { $0.root = .layers([]) }
    }
}
