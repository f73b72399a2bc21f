public import Diagnostics
internal import Glibc
internal import Model
internal import System
public import SystemPackage

/// Runs containers by systemd-nspawn.
///
/// The calling process must be in a mount namespace of its own (`PrivateMounts.enter()`): the container's root is mounted
/// there. Everything that a container has lives in namespaces that die with this process, a SIGKILL included; of that one,
/// empty cgroup directories stay until the next start or `MachineStore.sweep()`.
public struct ContainerEngine {
    let store: MachineStore
    let progress: any ProgressSink
    private let report: (ContainerEvent) -> Void

    /// - Parameters:
    ///   - state: the state directory.
    ///   - report: called with what happens while the container runs.
    public init(
        state: FilePath, progress: any ProgressSink = SilentProgress(), report: @escaping (ContainerEvent) -> Void = { _ in }
    ) {
        store = MachineStore(state: Files.absolute(state))
        self.progress = progress
        self.report = report
    }

    /// Runs a container to its end, in the foreground, and leaves nothing of it but the machine's changes and console log.
    ///
    /// SIGINT, SIGTERM and SIGHUP (`Interruption`) end it in order; a signal that was answered so is forgotten afterwards.
    /// Call it on the main thread: the kernel kills the container when the calling thread ends.
    ///
    /// - Returns: how it ended. A container that fails is no error here: its status is in the outcome.
    /// - Throws: `.usage` for a specification that can't be meant, `.conflict` where the machine, the directory or an address is
    ///   in use, `.failed` or `.notFound` where the root can't be started, `.unsupported` where the host lacks what it takes,
    ///   `.interrupted` where a signal came before it was started.
    public func run(_ specification: ContainerSpecification) throws -> ContainerOutcome {
        try specification.validate()
        try requirePrivateMounts()
        _ = try ChildProcess.locate(specification.engine == .crun ? "crun" : "systemd-nspawn")
        if specification.engine == .crun { try ContainerEngine.checkCrun(specification) }
        for bind in specification.binds where !Files.exists(bind.source) {
            throw ProvisionError(.notFound, "cannot bind \"\(bind.source)\": there is no such file or directory")
        }
        // Before anything is touched: a limit that can't be enforced is no limit.
        if !specification.limits.isEmpty { _ = try CgroupLimits.current(specification.limits, in: .current()) }
        do { try store.sweep() } catch {
            // Somebody else's leftovers are no reason not to start this one.
            progress.warn("what an earlier container left could not be swept away: \(error)")
        }
        if case .run = specification.mode { Interruption.pass(ContainerSession.passedSignals) }
        let lock = try store.lock(specification.machine, words: specification.mode == .boot ? "booted" : "run")
        return try withExtendedLifetime(lock) { try runLocked(specification) }
    }

    private func runLocked(_ specification: ContainerSpecification) throws -> ContainerOutcome {
        var specification = specification
        if specification.privateUsers { specification.userBase = try FreeUsers.base(for: specification.machine.text) }
        var record = try makeRecord(specification)
        try store.write(record)
        defer { conclude(record) }

        let root = try MachineRoot.mount(specification, machine: store.path(of: specification.machine))
        let inspection = try RootInspection(root.path)
        try inspection.check(specification)
        return try run(specification, record: &record, root: root, inspection: inspection)
    }

    private func run(
        _ specification: ContainerSpecification, record: inout MachineRecord, root: borrowing MachineRoot,
        inspection: RootInspection
    ) throws -> ContainerOutcome {
        let hierarchies =
            SystemdScope.isAvailable && !PrivateMounts.isInUserNamespace
            ? try SystemdScope.enter(machine: specification.machine) : try CgroupHierarchies.current()
        if specification.mode == .boot, let warning = inspection.bootWarning(cgroups: hierarchies.layout) {
            progress.warn(warning.text, hint: warning.hint)
        }
        if inspection.bootsSystemd(specification), let warning = InotifyInstances.warning() {
            progress.warn(warning.text, hint: warning.hint)
        }
        let cgroupName = "provision-\(specification.machine)-\(getpid())"
        record.run?.cgroups =
            PrivateMounts.isInUserNamespace ? [] : ContainerCgroup.candidates(cgroupName, in: hierarchies).map(\.string)
        try store.write(record)
        let cgroup = try ContainerCgroup.make(
            cgroupName, in: PrivateMounts.isInUserNamespace ? CgroupHierarchies(mounts: "", membership: "") : hierarchies,
            limits: CgroupLimits.current(specification.limits, in: hierarchies))
        record.run?.cgroups = cgroup.directories.map(\.string)
        let network = try ContainerNetwork.prepare(specification, root: root.path, store: store, progress: progress)
        defer { network.remove() }
        var specification = specification
        specification.binds += network.binds
        try showUser(of: &specification, root: root)
        record.run?.addresses = network.addresses
        record.run?.interface = network.hostInterface
        try store.write(record)
        let usesCrun = specification.engine == .crun
        let runtime = usesCrun ? nil : try NspawnRuntime.prepare()
        // Until the end: an optional of its kind would go after its last use.
        defer { withExtendedLifetime(runtime) {} }
        let notify = try NotifySocket(usesCrun ? root.scratch("notify") : NspawnRuntime.notifySocket)

        let usesConsole = specification.mode == .boot || specification.terminal
        let ourTerminal = isTerminal(.standardOutput) ? getenv("TERM").map { String(cString: $0) } : nil
        let command =
            try usesCrun
            ? crunCommand(specification, root: root, hierarchies: hierarchies, terminalType: ourTerminal)
            : NspawnCommand(
                specification, root: root.path, initialization: inspection.initialization, cgroups: hierarchies.layout,
                notifySocket: notify.path, hidesSysRq: Files.exists("/proc/sysrq-trigger"),
                hostTerminalType: ourTerminal ?? (specification.mode == .boot ? "vt220" : nil))
        progress.detail(command.arguments.joined(separator: " "))
        report(.starting(console: specification.mode == .boot && isTerminal(.standardInput) && isTerminal(.standardOutput)))

        let deadline = specification.timeout.map { Teardown.now() + Int64($0) * 1000 }
        while true {
            try Interruption.check()
            let result = try start(
                specification, command: command, inspection: inspection, network: network, cgroup: cgroup, notify: notify,
                deadline: deadline, usesConsole: usesConsole)
            warnOfLimits(cgroup, of: specification)
            if result.reason == nil, specification.mode == .boot, result.status == .exited(ContainerEngine.restartStatus) {
                report(.restarting)
                continue
            }
            let outcome = ContainerOutcome(
                mode: specification.mode, status: result.status, reason: result.reason, killed: result.killed)
            if result.reason == nil, !result.hasStarted {
                throw ProvisionError(
                    .failed, "\(usesCrun ? "crun" : "systemd-nspawn") could not start the container", causes: result.messages)
            }
            result.messages.forEach { progress.detail("systemd-nspawn: \($0)") }
            if case .shutDown = outcome.ending { Interruption.clear() }
            return outcome
        }
    }

    private func crunCommand(
        _ specification: ContainerSpecification, root: borrowing MachineRoot, hierarchies: CgroupHierarchies,
        terminalType: String?
    ) throws -> NspawnCommand {
        let user = try specification.user.map { text throws(ProvisionError) in
            try GuestUser(text, in: RootedDirectory(root.path))
        }
        let crun = try CrunCommand(
            specification, root: root.path, bundle: root.scratch("bundle"), user: user ?? .root, terminalType: terminalType,
            hidden: hierarchies.layout == .hybrid ? hierarchies.unified?.mountPoint : nil)
        try crun.prepare()
        var command = NspawnCommand(
            arguments: crun.arguments, environment: ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        command.startMark = crun.pidFile
        return command
    }

    /// A killed program doesn't know by whom: say it where a limit was the reason.
    private func warnOfLimits(_ cgroup: borrowing ContainerCgroup, of specification: ContainerSpecification) {
        guard !specification.limits.isEmpty else { return }
        let usage = ContainerUsage(cgroups: cgroup.directories)
        if specification.limits.memory != nil, let kills = usage.memoryKills, kills > 0 {
            progress.warn(
                "the memory limit of \"\(specification.machine)\" was reached: the kernel killed \(kills) of its processes",
                hint: "give it more with --memory")
        }
        if specification.limits.pids != nil, usage.pidsReached {
            progress.warn(
                "the limit of processes of \"\(specification.machine)\" was reached: some could not be started",
                hint: "allow more with --pids")
        }
    }

    /// What nspawn exits with where the container asked for a reboot and `--keep-unit` is given.
    private static let restartStatus: Int32 = 133

    private func start(
        _ specification: ContainerSpecification, command: NspawnCommand, inspection: RootInspection,
        network: ContainerNetwork, cgroup: borrowing ContainerCgroup, notify: borrowing NotifySocket,
        deadline: Int64?, usesConsole: Bool
    ) throws -> ContainerSession.Result {
        var console: Console?
        if usesConsole {
            let log =
                specification.mode == .boot || specification.logsConsole
                ? try ConsoleLog(store.path(of: specification.machine).appending("console.log")) : nil
            console = try Console(log: log, progress: progress)
        }
        // Before anything else is printed, on every way out.
        defer { console?.raw?.leave() }
        var session = try ContainerSession(
            specification, command: command, initialization: inspection.initialization, network: network, cgroup: cgroup,
            console: console
        ) { [progress, report] event in
            if event == .inotifyRefused {
                progress.warn(
                    "the machine \"\(specification.machine)\" doesn't boot in order: the host has no inotify instances left",
                    hint: InotifyInstances.hint)
            }
            report(event)
        }
        return try session.watch(notify: notify, deadline: deadline)
    }

    /// systemd-nspawn looks a command's user up in the root by name. A number that isn't there is shown to it by a passwd of the
    /// container's own, over the root's; a group other than the user's it doesn't take.
    private func showUser(
        of specification: inout ContainerSpecification, root: borrowing MachineRoot
    ) throws(ProvisionError) {
        guard specification.engine == .nspawn, case .run = specification.mode, let text = specification.user else { return }
        let directory = try RootedDirectory(root.path)
        let user = try GuestUser(text, in: directory)
        specification.user = user.name
        if let passwd = try GuestUser.passwd(with: user, in: directory) {
            let file = root.scratch("passwd")
            try Files.write(passwd, to: file)
            specification.binds.append(BindMount(source: file, destination: "/etc/passwd", readOnly: true))
        } else if text.contains(":") {
            throw ProvisionError(
                .unsupported, "systemd-nspawn gives the user \"\(user.name)\" the groups that the root has for it",
                hint: "leave the group out, or take --engine crun")
        }
    }

    /// The record of a new machine, or of an old one with what runs in it now.
    private func makeRecord(_ specification: ContainerSpecification) throws -> MachineRecord {
        let now = Int64(time(nil))
        var directory: String?
        if case .directory(let path) = specification.root { directory = path.string }
        let keeps = specification.storage == .kept && directory == nil
        let known = try store.record(in: specification.machine.text)
        if let known, !known.isTemporary, known.layer != specification.layer || known.directory != directory {
            let base =
                known.layer.map { "the layer \"\($0.name)\" (\($0.digest))" } ?? known.directory.map { "\"\($0)\"" }
                ?? "other layers"
            throw ProvisionError(
                .conflict, "the machine \"\(specification.machine)\" stands on \(base), which is not what it is started on now",
                hint: "name another one with --machine, or remove it: provision rm \(specification.machine)")
        }
        var record =
            known
            ?? MachineRecord(
                name: specification.machine, layer: specification.layer, directory: directory, created: now, isTemporary: !keeps
            )
        if known == nil || record.isTemporary { record.isTemporary = !keeps }
        guard let process = ProcessStatus(of: getpid()) else {
            throw ProvisionError(.failed, "cannot read \"/proc/self/stat\"", hint: "mount /proc")
        }
        var command = ["/sbin/init"]
        if case .run(let words) = specification.mode { command = words }
        record.run = MachineRecord.Run(
            engine: specification.engine.rawValue, pid: getpid(), processStart: process.startTime, started: now,
            command: command, network: specification.network.word,
            addresses: specification.network.addresses,
            published: specification.networkSettings.publications.map(\.description),
            interface: nil, cgroups: [])
        return record
    }

    /// Removes the cgroups, and the machine's directory where nothing of it is kept.
    private func conclude(_ record: MachineRecord) {
        do {
            if record.isTemporary { try store.discard(record) } else { try store.finish(record) }
        } catch {
            progress.warn(
                "the machine \"\(record.name)\" left something behind: \(error)", hint: "the next start sweeps it away")
        }
    }

    /// Mounting a root where the host sees it would leave it there.
    private func requirePrivateMounts() throws(ProvisionError) {
        func namespace(_ process: String) -> String? {
            var buffer = [UInt8](repeating: 0, count: 256)
            let count = readlink("/proc/\(process)/ns/mnt", &buffer, buffer.count)
            return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
        }
        if getpid() != 1, let ours = namespace("thread-self"), ours == namespace("1") {
            throw ProvisionError(.failed, "the process is not in a mount namespace of its own", hint: "enter one before")
        }
    }
}

extension ContainerSpecification.Network {
    var word: String {
        switch self {
        case .private: "private"
        case .shared(let name, _): "network:\(name)"
        case .host: "host"
        case .namespace(let name): "namespace:\(name)"
        }
    }

    var addresses: NetworkAddresses? {
        if case .private(let addresses) = self { return addresses }
        return nil
    }
}
