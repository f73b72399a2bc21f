internal import Diagnostics
internal import FoundationEssentials
internal import System
internal import SystemPackage

/// crun's command line for one container, and the config.json that it reads: OCI runtime specification 1.0, config.md.
struct CrunCommand {
    let configuration: OCIConfiguration
    let bundle: FilePath
    let machine: MachineName
    /// Where cgroup v2 lies, on a hybrid host.
    let hidden: FilePath?

    /// Written by crun when the container is made, before its command starts.
    var pidFile: FilePath { bundle.appending("pid") }

    /// - Parameters:
    ///   - root: where the container's `/` lies.
    ///   - user: who runs the command.
    ///   - terminalType: TERM, where there is a terminal.
    ///   - hidden: what crun is not to see, in the mount namespace that it is started in.
    init(
        _ specification: ContainerSpecification, root: FilePath, bundle: FilePath, user: GuestUser, terminalType: String?,
        hidden: FilePath?
    ) throws(ProvisionError) {
        guard case .run(let words) = specification.mode else { throw ProvisionError(.usage, "crun starts no init") }
        self.bundle = bundle
        self.hidden = hidden
        machine = specification.machine
        var environment = [
            "PATH": RootInspection.searchPath.joined(separator: ":"), "HOME": user.home, "USER": user.name,
            "LOGNAME": user.name, "SHELL": user.shell, "container": "oci",
        ]
        if specification.terminal, let terminalType { environment["TERM"] = terminalType }
        environment.merge(specification.environment) { _, given in given }
        let isPrivate: Bool =
            switch specification.network {
            case .host, .namespace: false;
            case .private, .shared: true
            }
        let capabilities = specification.capabilities.applied(to: CrunCommand.capabilities).map { "CAP_\($0)" }
        configuration = OCIConfiguration(
            process: OCIConfiguration.Process(
                terminal: specification.terminal,
                consoleSize: specification.terminal
                    ? TerminalSize(of: .standardOutput).map { .init(height: Int($0.rows), width: Int($0.columns)) } : nil,
                user: .init(user.identity), args: words,
                env: environment.map { "\($0.key)=\($0.value)" }.sorted(), capabilities: .init(capabilities)),
            root: .init(path: root.string, readonly: specification.readOnly), hostname: specification.machine.text,
            mounts: OCIConfiguration.systemMounts(ownsNetwork: isPrivate)
                + specification.binds.map(OCIConfiguration.Mount.init),
            linux: OCIConfiguration.Linux(),
            hooks: .init(createContainer: [
                // crun mounts the root once more, without the flags that it has.
                .init(
                    path: try ChildProcess.locate("mount"),
                    args: [
                        "mount", "--no-canonicalize", "-o", "remount,bind,nodev" + (specification.readOnly ? ",ro" : ""),
                        root.string,
                    ])
            ]))
    }

    /// Writes the bundle.
    func prepare() throws {
        try Files.makeDirectory(bundle)
        try Files.makeDirectory(bundle.appending("run"))
        try Files.write(Array(JSONEncoder().encode(configuration)), to: bundle.appending("config.json"))
    }

    /// The cgroup is ours, which crun starts in: it is to make none. It refuses hybrid hosts whose v2 hierarchy has controllers
    /// all the same ("cgroups in hybrid mode not supported"), so there it is started where it sees no v2 hierarchy.
    var arguments: [String] {
        let hide = hidden.map { ["sh", "-c", "mount -t tmpfs none \"$0\" && exec \"$@\"", $0.string] } ?? []
        return hide + [
            "crun", "--root", bundle.appending("run").string, "--cgroup-manager=disabled", "run", "--bundle", bundle.string,
            "--pid-file", pidFile.string, machine.text,
        ]
    }

    /// What Docker and podman leave a container, but for MKNOD and AUDIT_WRITE.
    static let capabilities = [
        "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "NET_RAW",
        "SYS_CHROOT", "SETFCAP",
    ]
}

extension ContainerEngine {
    /// Refuses what crun can't do as it is asked for.
    ///
    /// - Throws: `.usage` with the option, `.unsupported` without root for what takes root.
    static func checkCrun(_ specification: ContainerSpecification) throws(ProvisionError) {
        if specification.privateUsers {
            throw ProvisionError(
                .usage, "--private-users takes systemd-nspawn",
                hint:
                    "leave out --engine; a container that somebody else than root runs by crun has no root of the host in it anyway"
            )
        }
        guard PrivateMounts.isInUserNamespace else { return }
        let hint = "run it as root"
        if !specification.limits.isEmpty {
            throw ProvisionError(.unsupported, "limits take cgroups, which this user can't make", hint: hint)
        }
        guard case .private(nil) = specification.network, specification.networkSettings == NetworkSettings() else {
            throw ProvisionError(
                .unsupported, "a user's container has a private network with a loopback interface alone", hint: hint)
        }
        if let user = specification.user, user != "root", user != "0" {
            throw ProvisionError(
                .unsupported, "a user's container holds one user, root: \"\(user)\" isn't mapped", hint: hint)
        }
    }
}
