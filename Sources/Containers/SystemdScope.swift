internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A transient scope unit for a container, on hosts whose PID 1 is systemd: a cgroup that systemd delegates to us.
///
/// systemd removes it when its last process is gone, also after a SIGKILL. Asked for over D-Bus by busctl(1), which every
/// systemd brings along.
enum SystemdScope {
    /// Whether the host's PID 1 is systemd: sd_booted(3)'s own test.
    static var isAvailable: Bool { Files.isDirectory("/run/systemd/system") }

    /// Asks systemd for its version, as a scope is asked for.
    ///
    /// - Throws: `.unsupported` where it isn't reached, `.notFound` without busctl.
    static func probe() throws(ProvisionError) { try call(["get-property"], ["Version"]) }

    /// `busctl VERB` on systemd's manager: org.freedesktop.systemd1(5).
    private static func call(_ verb: [String], _ words: [String]) throws(ProvisionError) {
        let manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
        let output = try runProgram(["busctl", "--quiet"] + verb + manager + words)
        guard output.status.succeeded else {
            throw ProvisionError(
                .unsupported, "this host's systemd made no unit for the container",
                hint: Files.exists("/run/dbus/system_bus_socket")
                    ? "see systemctl status" : "the system bus isn't there: install dbus, or systemctl start dbus",
                causes: output.standardError.split(separator: "\n").map(String.init))
        }
    }

    /// What moves `process` into a new scope by StartTransientUnit.
    static func arguments(unit: String, description: String, process: Int32) -> [String] {
        [
            "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail", "5",
            "Description", "s", description, "Slice", "s", "machine.slice", "Delegate", "b", "true",
            "CollectMode", "s", "inactive-or-failed", "PIDs", "au", "1", "\(process)", "0",
        ]
    }

    /// Moves this process into a scope of its own, and there into a cgroup below it: cgroup v2 wants the processes of a
    /// delegated tree in its leaves. Returns the hierarchies with the scope as the place where cgroups are made.
    ///
    /// - Throws: `.unsupported` where systemd refuses, `.failed` where it doesn't act within five seconds.
    static func enter(machine: MachineName) throws -> CgroupHierarchies {
        let unit = "provision-\(escaped(machine.text))-\(getpid()).scope"
        try call(["call"], arguments(unit: unit, description: "Container \(machine) of provision", process: getpid()))
        for _ in 0..<250 {
            let hierarchies = try CgroupHierarchies.current()
            if !hierarchies.hierarchies.isEmpty, hierarchies.hierarchies.allSatisfy({ $0.ownPath.hasSuffix("/" + unit) }) {
                for hierarchy in hierarchies.hierarchies {
                    let own = hierarchy.directory.appending("provision")
                    try check(mkdir(own.string, 0o755), "make the cgroup", own)
                    let file = own.appending("cgroup.procs")
                    let descriptor = try check(open(file.string, O_WRONLY | O_CLOEXEC), "open", file)
                    defer { close(descriptor) }
                    try check(Glibc.write(descriptor, "0", 1), "join the cgroup", own)
                }
                return hierarchies
            }
            try Interruption.check()
            usleep(20_000)
        }
        throw ProvisionError(.failed, "systemd did not move this process into the unit \"\(unit)\" within five seconds")
    }

    /// Unit names: `-` is fine there but for what a slice's name makes of it.
    private static func escaped(_ name: String) -> String { name.map { $0 == "." ? "_" : "\($0)" }.joined() }
}
