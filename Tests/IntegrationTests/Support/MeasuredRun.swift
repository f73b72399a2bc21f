import Glibc
import System
import SystemPackage

/// A program run to its end by its own wait4, so that its peak memory is known.
struct MeasuredRun {
    let status: Int32
    let output: String
    let errors: String
    /// The most memory that it (or a child of its) held at once, in bytes.
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
        while wait4(pid, &raw, WNOHANG, &usage) == 0 {
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
        peakMemory = UInt64(usage.ru_maxrss) * 1024
    }
}
