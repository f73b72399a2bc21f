internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A command for a machine that runs: plain values; `ContainerEngine.execute` does it.
public struct MachineCommand: Sendable {
    public var machine: String
    /// Found on the container's PATH unless the first word holds a slash.
    public var words: [String]
    /// `NAME` or a number, with `:GROUP` where wanted; nil: root.
    public var user: String?
    public var environment: [String: String] = [:]
    /// Gives it a terminal of the container's, joined to ours.
    public var terminal = false

    public init(machine: String, words: [String]) {
        self.machine = machine
        self.words = words
    }
}

extension ContainerEngine {
    /// Runs a command in a machine that runs, as one of its processes: in its namespaces and cgroups, under its limits, with the
    /// capabilities, seccomp filters and no_new_privs that its own processes have.
    ///
    /// A signal to us (`Interruption`) is passed on; the command is killed where it hasn't ended ten seconds later.
    /// - Returns: its status; 128+n where it died of signal n.
    /// - Throws: `.notFound` for an unknown machine, user or program, `.conflict` where the machine doesn't run, `.failed` where
    ///   the command can't be started in it, `.unsupported` without root.
    public func execute(_ command: MachineCommand) throws -> Int32 {
        CgroupMoves.begin()
        Interruption.pass(ContainerSession.passedSignals)
        let running = try store.running(named: command.machine)
        let guest = try running.guest()
        // A command's stub init lacks some restraints that the command has; init has none that its services lack.
        let isBooted = running.machine.record.run?.command == ["/sbin/init"]
        let hasStubInit = running.machine.record.run?.engine != ContainerSpecification.Engine.crun.rawValue && !isBooted
        let model = try !hasStubInit ? guest.initialization : guest.payload() ?? guest.initialization
        let process = try JoinableProcess(model)
        let root = try RootedDirectory(FilePath("/proc/\(model)/root"))
        let user = try command.user.map { text throws(ProvisionError) in try GuestUser(text, in: root) } ?? .root
        guard let path = try RootInspection.path(of: command.words[0], in: root) else {
            throw ProvisionError(
                .notFound, "there is no program \"\(command.words[0])\" in the machine \"\(command.machine)\"",
                hint: command.words[0].contains("/")
                    ? nil : "looked for on the container's PATH; a path needs a leading slash")
        }
        let cgroups = try CgroupMembership(of: model)
        var options = ChildProcess.Options()
        options.joining = (process, user.identity)
        options.cgroups = cgroups.members
        options.environment = [
            "PATH": RootInspection.searchPath.joined(separator: ":"), "HOME": user.home, "USER": user.name,
            "LOGNAME": user.name, "SHELL": user.shell, "container": "systemd-nspawn",
        ]
        if command.terminal, let type = getenv("TERM") { options.environment?["TERM"] = String(cString: type) }
        options.environment?.merge(command.environment) { _, given in given }
        guard command.terminal else {
            // Without a terminal of its own a command that reads from ours must stay in the foreground there.
            options.newGroup = !isTerminal(.standardInput)
            return try withExtendedLifetime(cgroups) {
                try watch(ChildProcess([path] + command.words.dropFirst(), options: options))
            }
        }
        let console = try Console(PseudoTerminal(in: process), log: nil, progress: progress)
        defer { console.raw?.leave() }
        let terminal = console.pseudoTerminal.terminal
        let owner = try GuestUser.outside(user.identity.user, of: model)
        try check(fchown(terminal.rawValue, owner, gid_t.max), "set the owner of", "the terminal")
        options.descriptors = [0: terminal, 1: terminal, 2: terminal]
        options.newSession = true
        options.terminal = terminal
        return try withExtendedLifetime(cgroups) {
            try watch(ChildProcess([path] + command.words.dropFirst(), options: options), console)
        }
    }

    private func watch(_ child: consuming ChildProcess, _ console: Console? = nil) throws -> Int32 {
        var ending: (signal: Int32, deadline: Int64)?
        while true {
            if let status = child.wait(milliseconds: 0) {
                try console?.drain()
                if let ending { Interruption.clear(); return 128 + ending.signal }
                return status.shellStatus
            }
            var polled = [pollfd(fd: child.exitDescriptor.rawValue, events: Int16(POLLIN), revents: 0)]
            polled += console?.descriptors ?? []
            // Signals cut it short; the time is for the terminal's size and the clock.
            if poll(&polled, nfds_t(polled.count), 200) > 0, let console {
                _ = try console.transfer(polled[1...], holdsInterrupts: false)
            }
            console?.updateSize()
            for number in Interruption.takePassed() { child.signal(number) }
            if let ending {
                if Teardown.now() >= ending.deadline { child.signal(SIGKILL) }
            } else if let number = Interruption.signal {
                ending = (number, Teardown.now() + 10_000)
                child.signal(number)
            }
        }
    }
}

extension GuestUser {
    /// The host's number for one of a container's: user_namespaces(7), uid_map.
    static func outside(_ user: UInt32, of process: Int32) throws(ProvisionError) -> UInt32 {
        for line in try Files.readText(FilePath("/proc/\(process)/uid_map")).split(separator: "\n") {
            let numbers = line.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
            if numbers.count == 3, user >= numbers[0], user - numbers[0] < numbers[2] {
                return numbers[1] + (user - numbers[0])
            }
        }
        throw ProvisionError(.failed, "the user \(user) has no number in the machine's user namespace")
    }
}
