internal import SystemPackage

/// systemd-nspawn's command line and environment for one container: data, built before anything is done.
///
/// Every container runs with `--register=no --keep-unit`: the cgroup is ours (`ContainerCgroup`), and the pid namespace around
/// nspawn, without which a killed nspawn leaves its payload running, hides it from machined's pid arithmetic.
struct NspawnCommand: Equatable {
    var arguments: [String]
    /// nspawn's own environment; the payload's comes by `--setenv`.
    var environment: [String: String]
    /// A file that appears when the container is made, for an engine that says so in no other way.
    var startMark: FilePath?

    /// - Parameters:
    ///   - root: where the container's `/` lies.
    ///   - initialization: what the root's /sbin/init is, for `boot`.
    ///   - hostTerminalType: TERM of our terminal, nil where there is none.
    init(
        _ specification: ContainerSpecification, root: FilePath, initialization: RootInspection.Initialization?,
        cgroups: CgroupHierarchies.Layout, notifySocket: FilePath, hidesSysRq: Bool = false,
        hostTerminalType: String?
    ) {
        var words = [
            "systemd-nspawn", "--quiet", "--settings=no", "--register=no", "--keep-unit", "--link-journal=no",
            // The root's own clock and resolver configuration: nspawn would write the host's into it.
            "--timezone=off",
            "--directory=\(root)", "--machine=\(specification.machine)",
        ]
        switch specification.network {
        case _ where specification.userBase != nil && specification.network != .host:
            // nspawn would join the namespace as the container's users, who don't own it: it is started in there instead. For
            // the same reason the container can't change its network.
            words.append("--resolv-conf=off")
        case .host:
            words.append("--resolv-conf=auto")
        case .namespace:
            words += ["--resolv-conf=off", "--network-namespace-path=/proc/self/ns/net"]
        case .private, .shared:
            // The container is master of its own network, as with nspawn's --private-network.
            words += [
                "--resolv-conf=off", "--network-namespace-path=/proc/self/ns/net", "--capability=CAP_NET_ADMIN",
            ]
        }
        var capabilities = specification.capabilities
        if !capabilities.names(.added).contains("MKNOD"), NspawnCommand.needsNoDevices(specification.mode, initialization) {
            capabilities.drop("MKNOD")
        }
        words += capabilities.arguments
        if let base = specification.userBase { words.append("--private-users=\(base):65536") }
        if specification.readOnly { words.append("--read-only") }
        words += specification.binds.map { bind in
            let paths = "\(NspawnCommand.escaped(bind.source.string)):\(NspawnCommand.escaped(bind.destination))"
            return (bind.readOnly ? "--bind-ro=" : "--bind=") + paths
        }
        // Root of the host's own users would reboot the host by it; that of another user namespace can't write it.
        if hidesSysRq, specification.userBase == nil { words.append("--bind-ro=/dev/null:/proc/sysrq-trigger") }
        words += specification.environment.sorted { $0.key < $1.key }.map { "--setenv=\($0.key)=\($0.value)" }

        // Tints, titles and log targets of newer versions: what arrives must be the container's output, nothing else.
        environment = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_LOG_TARGET": "console",
            "SYSTEMD_LOG_COLOR": "0", "SYSTEMD_TINT_BACKGROUND": "0", "SYSTEMD_ADJUST_TERMINAL_TITLE": "0",
            "NOTIFY_SOCKET": notifySocket.string,
        ]
        if let hostTerminalType { environment["TERM"] = hostTerminalType }

        switch specification.mode {
        case .boot:
            words += [
                "--console=interactive", "--notify-ready=yes",
                "--kill-signal=\(initialization?.shutdownSignal ?? "SIGRTMIN+3")",
            ]
            words.append("--boot")
            if let version = initialization?.systemdVersion, version >= 256, cgroups == .hybrid {
                // From 256 on, systemd refuses cgroup v1; nspawn can show such a guest the v2 hierarchy alone.
                environment["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "1"
            }
        case .run(let command):
            words += [
                "--no-new-privileges=yes", "--as-pid2", "--chdir=/",
                specification.terminal ? "--console=interactive" : "--console=pipe",
            ]
            if let user = specification.user, user != "root" { words.append("--user=\(user)") }
            words += ["--"] + command
        }
        arguments = words
    }

    init(arguments: [String], environment: [String: String]) {
        self.arguments = arguments
        self.environment = environment
    }

    /// Whether it gets along without making device nodes. systemd does since 240 (PrivateDevices= falls back to bind mounts);
    /// nobody knows about an older one or another init.
    private static func needsNoDevices(
        _ mode: ContainerSpecification.Mode, _ initialization: RootInspection.Initialization?
    ) -> Bool {
        guard mode == .boot else { return true }
        return initialization?.kind == .busybox || (initialization?.systemdVersion ?? 0) >= 240
    }

    /// nspawn splits bind mounts at colons and unescapes backslashes.
    private static func escaped(_ path: String) -> String {
        path.flatMap { $0 == ":" || $0 == "\\" ? "\\\($0)" : "\($0)" }.map(String.init).joined()
    }
}
