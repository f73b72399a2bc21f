internal import Diagnostics
internal import Glibc
internal import Model
internal import Synchronization
internal import System
internal import SystemPackage

/// Looks after the scriptlet that is running: how long it takes, how much room it leaves, and what it tries that is refused.
///
/// A thread of its own does that, since rpm's waits for the scriptlet. One that goes too far ends the whole installation, with an
/// error that names it: the staged root is thrown away then, and everything that it started dies with the process's namespaces.
final class ScriptletWatch: Sendable {
    private struct Running {
        /// For messages: the subject of a sentence.
        var name: String
        var end: ContinuousClock.Instant
        /// Bytes that were free when it began, and that must stay free.
        var before: UInt64
        var floor: UInt64
        var attempts: [String] = []
    }

    private let running: Mutex<Running?> = Mutex(nil)
    private let attempts: FileDescriptor?
    private let root: FileDescriptor
    private let output: OutputCapture
    private let limit: Int

    /// - Parameters:
    ///   - root: a directory of the file system that scriptlets could fill.
    ///   - attempts: of `Confinement.refuseCalls`.
    ///   - limit: seconds that one scriptlet may take.
    static func start(
        root: FileDescriptor, attempts: FileDescriptor?, output: OutputCapture, limit: Int
    ) throws -> ScriptletWatch {
        let watch = ScriptletWatch(root: root, attempts: attempts, output: output, limit: limit)
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<ScriptletWatch>.fromOpaque(context!).takeRetainedValue().lookForEver()
                return nil
            }, Unmanaged.passRetained(watch).toOpaque())
        guard result == 0 else { throw systemError("start", "a thread", errno: result) }
        return watch
    }

    private init(root: FileDescriptor, attempts: FileDescriptor?, output: OutputCapture, limit: Int) {
        self.root = root
        self.attempts = attempts
        self.output = output
        self.limit = limit
    }

    func begin(_ scriptlet: InstallEvent.Scriptlet) throws(ProvisionError) {
        try begin("the \(scriptlet.name) scriptlet of package \"\(scriptlet.package)\"")
    }

    /// - Parameter name: for messages: the subject of a sentence.
    func begin(_ name: String) throws(ProvisionError) {
        let (total, free) = try room()
        // The host keeps a twentieth of a small file system and 256 MiB of a large one. Where less was free before, the
        // scriptlet gets half of that: it isn't to blame for the rest.
        let large: UInt64 = 256 << 20
        let floor = min(total / 20, large, free / 2)
        let next = Running(
            name: name, end: ContinuousClock.now.advanced(by: .seconds(limit)), before: free, floor: floor)
        running.withLock { $0 = next }
    }

    /// What the scriptlet tried and was refused, each once.
    ///
    /// - Throws: `.failed` where it has filled the disk; such a one may have ended before the thread saw it.
    func end() throws(ProvisionError) -> [String] {
        let ended = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let ended else { return [] }
        let free = try room().free
        if free < ended.floor { throw filled(ended, free: free) }
        return ended.attempts
    }

    private func lookForEver() {
        var descriptor = pollfd(fd: attempts?.rawValue ?? -1, events: Int16(POLLIN), revents: 0)
        while true {
            if poll(&descriptor, 1, 50) > 0, let attempts, let what = Confinement.nextAttempt(attempts) {
                running.withLock { running in
                    if running?.attempts.contains(what) == false { running?.attempts.append(what) }
                }
            }
            // With the lock: the scriptlet doesn't end in rpm's eyes while its end is decided upon here.
            running.withLock { running in
                guard let running, let error = excess(of: running) else { return }
                JobChannel.send(.failed(InstallEvent.Failure(error)))
                _exit(1)
            }
        }
    }

    private func excess(of running: Running) -> ProvisionError? {
        do {
            if ContinuousClock.now > running.end {
                return ProvisionError(
                    .failed, "\(running.name) did not end within \(limit) seconds",
                    hint: "\"time-limit\" of [scriptlets] in config/settings.toml is how long one may take", causes: lastWords()
                )
            }
            let free = try room().free
            return free < running.floor ? filled(running, free: free) : nil
        } catch {
            return error
        }
    }

    private func filled(_ running: Running, free: UInt64) -> ProvisionError {
        ProvisionError(
            .failed,
            "\(running.name) fills the disk: \(formatted(bytes: running.before)) were free when it began, now \(formatted(bytes: free))",
            hint: "it takes more than is there for it: leave the package out, or choose a larger file system with --state",
            causes: lastWords())
    }

    private func lastWords() -> [String] {
        output.take().split(whereSeparator: \.isNewline).suffix(5).map(String.init)
    }

    private func room() throws(ProvisionError) -> (total: UInt64, free: UInt64) {
        var status = statvfs()
        try check(fstatvfs(root.rawValue, &status), "look at", "the root's file system")
        let unit = UInt64(status.f_frsize)
        return (UInt64(status.f_blocks) * unit, UInt64(status.f_bavail) * unit)
    }
}
