public import Diagnostics
internal import Glibc
internal import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a flag that long work looks at: nothing is undone in a handler, everything by unwinding.
///
/// After `install()` the first signal makes `check()` throw; system calls that block return EINTR. A second signal of the
/// same kind does nothing more: undoing is under way already.
public enum Interruption {
    private static let pending = Atomic<Int32>(0)
    private static let held = Atomic<Int32>(0)

    /// Starts watching. Called once, by the command layer, before any thread starts.
    public static func install() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                _ = Interruption.pending.compareExchange(expected: 0, desired: number, ordering: .relaxed)
            }
            sigaction(number, &action, nil)
        }
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
    }

    private static let passing = Atomic<UInt64>(0)

    /// From now on these signals are noted for `takePassed()`, in place of what they do by default.
    public static func pass(_ numbers: [Int32]) {
        for number in numbers {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                _ = Interruption.passing.bitwiseOr(1 << UInt64(number), ordering: .relaxed)
            }
            sigaction(number, &action, nil)
        }
    }

    /// Those of `pass` that have come since the last call.
    public static func takePassed() -> [Int32] {
        let bits = passing.exchange(0, ordering: .relaxed)
        return bits == 0 ? [] : (1..<64).filter { bits & 1 << UInt64($0) != 0 }
    }

    /// The signal that asked us to stop, or nil. Also non-nil while clean-up holds it back.
    public static var signal: Int32? {
        let number = pending.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }

    /// Throws `.interrupted` once a signal has come, unless `withoutInterruption` is running.
    public static func check() throws(ProvisionError) {
        guard held.load(ordering: .relaxed) == 0, let signal else { return }
        throw ProvisionError(.interrupted, "interrupted by \(name(of: signal))", signal: signal)
    }

    /// Runs clean-up or a commit that must not be cut short: `check()` doesn't throw meanwhile.
    public static func withoutInterruption<Result>(_ body: () throws -> Result) rethrows -> Result {
        held.add(1, ordering: .relaxed)
        defer { held.subtract(1, ordering: .relaxed) }
        return try body()
    }

    /// Forgets a signal that was answered in full (a machine that was shut down by it).
    public static func clear() { pending.store(0, ordering: .relaxed) }

    private static func name(of signal: Int32) -> String {
        switch signal {
        case SIGINT: "Ctrl-C"
        case SIGTERM: "SIGTERM"
        case SIGHUP: "SIGHUP"
        default: "signal \(signal)"
        }
    }
}
