import Glibc
import System
import SystemPackage

/// A program run to its end and watched meanwhile, so that its peak memory is known.
///
/// rusage's maximum would not do: exec carries the starting process's over, and a test process grows.
struct MeasuredRun {
    let status: Int32
    let output: String
    let errors: String
    /// The most memory that it held at once, in bytes: the kernel's own high-water mark, read until a moment before the end.
    let peakMemory: UInt64
    let duration: Duration

    /// - Parameter limit: seconds after which it is killed and the test fails: far more than it should ever take.
    init(_ arguments: [String], limit: Int = 120) throws {
        let directory = try TemporaryDirectory(prefix: "measured")
        let outputFile = directory.path.appending("output")
        let errorFile = directory.path.appending("errors")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputFile.string, O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorFile.string, O_WRONLY | O_CREAT, 0o600)
        let words = arguments.map { strdup($0) }
        defer { words.forEach { free($0) } }
        let began = ContinuousClock.now
        var pid: pid_t = 0
        let started = posix_spawn(&pid, arguments[0], &actions, nil, words + [nil], environ)
        guard started == 0 else { throw TestFailure("cannot start \(arguments[0]): \(started)") }
        var raw: Int32 = 0
        var usage = rusage()
        var peak: UInt64 = 0
        while wait4(pid, &raw, WNOHANG, &usage) == 0 {
            peak = max(peak, Self.highWaterMark(of: pid))
            if .now - began > .seconds(limit) {
                kill(pid, SIGKILL)
                _ = wait4(pid, &raw, 0, &usage)
                throw TestFailure("\(arguments.joined(separator: " ")) did not end within \(limit) seconds")
            }
            usleep(10_000)
        }
        duration = .now - began
        status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
        output = try Files.readText(outputFile)
        errors = try Files.readText(errorFile)
        peakMemory = peak
    }

    /// VmHWM of /proc/PID/status in bytes; 0 where the process is a zombie already.
    private static func highWaterMark(of pid: pid_t) -> UInt64 {
        // It may end between two looks.
        guard let bytes = try? Files.readIfPresent("/proc/\(pid)/status") else { return 0 }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first).flatMap { UInt64($0) }.map { $0 * 1024 } ?? 0
    }
}
