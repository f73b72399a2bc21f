internal import Diagnostics
internal import Glibc
internal import System

/// The orderly end of a container, in steps with their times: first asked, then killed.
struct Teardown {
    /// What is sent where.
    enum Request: Equatable {
        /// To the container's init, again every three seconds: one that has just been started may not listen yet.
        case initialization(signal: Int32)
        /// To the command, once.
        case command(signal: Int32)
    }

    let reason: StopReason
    let request: Request
    /// Milliseconds until everything is killed.
    let grace: Int64
    private let began: Int64
    /// The command is PID 1 itself.
    private let isFirst: Bool
    private var lastSent: Int64?
    private(set) var killed = false

    private static let repetition: Int64 = 3000

    init(
        _ reason: StopReason, specification: ContainerSpecification, initialization: RootInspection.Initialization?, now: Int64
    ) {
        self.reason = reason
        grace = Int64(specification.grace) * 1000
        began = now
        isFirst = specification.engine == .crun
        switch specification.mode {
        case .boot:
            // systemd(1) speaks of SIGRTMIN+3; glibc keeps the kernel's first two real-time signals for itself.
            request = .initialization(signal: initialization?.kind == .busybox ? SIGUSR2 : 34 + 3)
        case .run:
            if case .signal(let number) = reason {
                request = .command(signal: number)
            } else {
                request = .command(signal: SIGTERM)
            }
        }
    }

    enum Action: Equatable { case wait, send(Request), kill }

    /// What is due at `now` (milliseconds of the clock given to `init`).
    func action(at now: Int64) -> Action {
        if killed { return .wait }
        if now - began >= grace { return .kill }
        switch request {
        case .initialization: return lastSent.map { now - $0 >= Teardown.repetition } ?? true ? .send(request) : .wait
        case .command: return lastSent == nil ? .send(request) : .wait
        }
    }

    /// Sends what is due to the container's processes. True where it was time to kill: the caller kills systemd-nspawn, PID 1 of
    /// the namespace around the container, and the kernel everything in it.
    mutating func advance(now: Int64, nspawn: Int32) throws(ProvisionError) -> Bool {
        switch action(at: now) {
        case .wait: return false
        case .kill:
            killed = true
            return true
        case .send(let request):
            // Not started yet, or ending already: looked for again at the next turn.
            guard let guest = try GuestProcesses.find(nspawn: nspawn) else { return false }
            switch request {
            case .initialization(let number):
                kill(guest.initialization, number)
                lastSent = now
            case .command(let number):
                guard let command = try isFirst ? guest.initialization : guest.payload() else { return false }
                kill(command, number)
                lastSent = now
            }
            return false
        }
    }

    mutating func force() { killed = true }

    /// Milliseconds of a clock that nobody sets.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
