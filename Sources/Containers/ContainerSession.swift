internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// One start of systemd-nspawn, watched to its end: streams, signals to us, Ctrl-C at the console, the time limit.
struct ContainerSession: ~Copyable {
    private var child: ChildProcess
    private let specification: ContainerSpecification
    private let initialization: RootInspection.Initialization?
    private let console: Console?
    /// nspawn's own messages, where they don't share standard error with the command.
    private let messages: OwnedPipe?
    private let report: (ContainerEvent) -> Void
    private var watcher = ConsoleWatcher()
    private var teardown: Teardown?
    private var hasStarted = false
    private let startMark: FilePath?
    private var said: [UInt8] = []
    /// Signals for the command that couldn't be delivered yet.
    private var passed: [Int32] = []
    /// Those that a command may have a use of its own for; others end it in order.
    static let passedSignals = [SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM]

    /// What is left to judge after the end.
    struct Result {
        var status: ChildProcess.Status
        var reason: StopReason?
        var killed: Bool
        /// Whether the container's first program was started at all.
        var hasStarted: Bool
        var messages: [String]
    }

    init(
        _ specification: ContainerSpecification, command: NspawnCommand, initialization: RootInspection.Initialization?,
        network: ContainerNetwork, cgroup: borrowing ContainerCgroup, console: Console?,
        report: @escaping (ContainerEvent) -> Void
    ) throws(ProvisionError) {
        self.specification = specification
        self.initialization = initialization
        self.console = console
        self.report = report
        startMark = command.startMark
        var options = ChildProcess.Options()
        options.environment = command.environment
        options.directory = "/"
        options.namespaces = [.mount, .pid]
        options.ownProc = true
        options.cgroups = cgroup.members
        options.networkNamespace = network.namespaceDescriptor
        if let console {
            let messages = try OwnedPipe()
            _ = fcntl(messages.reading.rawValue, F_SETFL, O_NONBLOCK)
            let terminal = console.pseudoTerminal.terminal
            options.descriptors = [0: terminal, 1: terminal, 2: messages.writing]
            options.newSession = true
            options.terminal = terminal
            child = try ChildProcess(command.arguments, options: options)
            messages.closeWriting()
            self.messages = messages
        } else {
            options.newGroup = true
            child = try ChildProcess(command.arguments, options: options)
            messages = nil
        }
    }

    /// Stays until systemd-nspawn has ended. `deadline` is in milliseconds of `Teardown.now()`.
    mutating func watch(notify: borrowing NotifySocket, deadline: Int64?) throws(ProvisionError) -> Result {
        while true {
            if !hasStarted, let startMark, Files.exists(startMark) {
                hasStarted = true
                tell(.started)
            }
            if let status = child.wait(milliseconds: 0) {
                try console?.drain()
                while let message = notify.receive() { take(message) }
                readMessages()
                return Result(
                    status: status, reason: teardown?.reason, killed: teardown?.killed ?? false, hasStarted: hasStarted,
                    messages: String(decoding: said, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init))
            }
            var polled = [
                pollfd(fd: child.exitDescriptor.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: notify.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: messages.map { $0.isReading ? $0.reading.rawValue : -1 } ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            polled += console?.descriptors ?? []
            // Signals cut it short; the time is for what nothing wakes us for: the terminal's size, the clock.
            if poll(&polled, nfds_t(polled.count), 200) > 0 {
                if polled[1].revents != 0 { while let message = notify.receive() { take(message) } }
                if polled[2].revents != 0 { readMessages() }
                if let console { try handle(console, polled[3...]) }
            }
            if let size = console?.updateSize(), specification.engine == .crun { try resizeGuest(to: size) }
            if case .run = specification.mode { try passSignals() }
            try considerEnding(deadline: deadline)
        }
    }

    private mutating func handle(_ console: Console, _ polled: ArraySlice<pollfd>) throws(ProvisionError) {
        let traffic = try console.transfer(polled, holdsInterrupts: specification.mode == .boot)
        if specification.mode == .boot {
            let sights = watcher.feed(traffic.printed)
            if sights.contains(.inotifyRefused) { tell(.inotifyRefused) }
            if sights.contains(.loginPrompt) { tell(.loginPrompt) }
        }
        guard traffic.interrupts > 0 else { return }
        let session = try GuestProcesses.find(nspawn: child.pid)?.hasConsoleSession() ?? false
        switch ConsoleWatcher.interrupt(stopping: teardown != nil, session: session) {
        case .forward: console.passInterrupt()
        case .shutDown: beginTeardown(.interruptKey)
        case .force: killAll()
        }
    }

    /// crun has a terminal of its own between ours and the container's, and passes its size on only once.
    private func resizeGuest(to size: TerminalSize) throws(ProvisionError) {
        guard hasStarted, let guest = try GuestProcesses.find(nspawn: child.pid) else { return }
        size.apply(toTerminalOf: guest.initialization)
    }

    /// Hands signals on to the command, once it is there.
    private mutating func passSignals() throws(ProvisionError) {
        passed += Interruption.takePassed()
        guard !passed.isEmpty, hasStarted, let guest = try GuestProcesses.find(nspawn: child.pid) else { return }
        guard let command = try specification.engine == .crun ? guest.initialization : guest.payload() else { return }
        for number in passed { kill(command, number) }
        passed = []
    }

    private mutating func considerEnding(deadline: Int64?) throws(ProvisionError) {
        if teardown == nil {
            if let number = Interruption.signal {
                beginTeardown(.signal(number))
            } else if let deadline, Teardown.now() >= deadline {
                beginTeardown(.timeout)
            }
        }
        if try teardown?.advance(now: Teardown.now(), nspawn: child.pid) ?? false { killAll() }
    }

    private mutating func beginTeardown(_ reason: StopReason) {
        teardown = Teardown(reason, specification: specification, initialization: initialization, now: Teardown.now())
        tell(.stopping(reason, grace: specification.grace))
    }

    private mutating func killAll() {
        teardown?.force()
        tell(.killing)
        child.signal(SIGKILL)
    }

    private mutating func take(_ message: NotifySocket.Message) {
        if message.started, !hasStarted {
            hasStarted = true
            tell(.started)
        }
        if message.ready, specification.mode == .boot { tell(.systemUp) }
    }

    private mutating func readMessages() {
        guard let messages, messages.isReading else { return }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(messages.reading.rawValue, &buffer, buffer.count)
            // Enough to say why it failed; the rest is read and dropped so that nspawn never waits for us.
            if count > 0, said.count < 65536 { said += buffer[..<count] }
            if count == 0 { messages.closeReading() }
            if count <= 0 { return }
        }
    }

    /// Tells with the terminal as its owner knows it: what is printed meanwhile must not run down it in steps.
    private func tell(_ event: ContainerEvent) {
        console?.raw?.leave()
        report(event)
        // A terminal that is gone by now is noticed by reading from it.
        try? console?.raw?.enter()
    }
}
