internal import Diagnostics
internal import Glibc
internal import Synchronization
internal import System
internal import SystemPackage

/// What scriptlets print, kept for the one that is running: the end of it, however much it is.
///
/// Standard output and error of this process become a pipe, which scriptlets inherit and Lua's `print` uses too. A thread
/// reads it all the time, so that no scriptlet ever blocks on it.
final class OutputCapture: Sendable {
    private let pipe: Int32
    private let tail: Mutex<[UInt8]> = Mutex([])
    /// Bytes kept of one scriptlet's output.
    static let limit = 32 << 10

    private init(pipe: Int32) { self.pipe = pipe }

    /// Redirects this process's output for good.
    static func start() throws -> OutputCapture {
        let ends = try OwnedPipe()
        // The value must outlive this function, and its thread the whole process: the reading end is never closed.
        let reading = try check(fcntl(ends.reading.rawValue, F_DUPFD_CLOEXEC, 5), "keep", "a pipe")
        try check(fcntl(reading, F_SETFL, O_NONBLOCK), "use", "a pipe")
        for target in [STDOUT_FILENO, STDERR_FILENO] {
            try check(dup2(ends.writing.rawValue, target), "redirect", "descriptor \(target)")
        }
        let capture = OutputCapture(pipe: reading)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(capture).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<OutputCapture>.fromOpaque(context!).takeRetainedValue().readForEver()
                return nil
            }, context)
        guard result == 0 else { throw systemError("start", "a thread", errno: result) }
        return capture
    }

    /// The end of what was printed since the last call. Complete for programs that have ended.
    func take() -> String {
        tail.withLock { tail in
            drain(into: &tail)
            defer { tail = [] }
            return String(decoding: tail, as: UTF8.self)
        }
    }

    private func readForEver() {
        var descriptor = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        while true {
            if poll(&descriptor, 1, -1) > 0 { tail.withLock { drain(into: &$0) } }
        }
    }

    private func drain(into tail: inout [UInt8]) {
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        // More often than a full pipe needs, and not for ever where a process that was left behind never stops to print.
        for _ in 0..<16 {
            let count = read(pipe, &chunk, chunk.count)
            guard count > 0 else { return }
            tail += chunk[..<count]
            if tail.count > 2 * OutputCapture.limit { tail.removeFirst(tail.count - OutputCapture.limit) }
        }
    }
}
