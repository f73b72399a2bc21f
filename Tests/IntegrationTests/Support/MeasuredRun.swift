import Glibc
import System
import SystemPackage

/// A program run to its end, with the most memory that it held.
///
/// A small Python waits for it: what a program held before exec counts as its own, and a test process holds a lot.
struct MeasuredRun {
    let status: Int32
    let output: String
    let errors: String
    /// In bytes; a child's of its own where that held more.
    let peakMemory: UInt64
    let duration: Duration

    /// - Parameter limit: seconds after which it is killed and the test fails: far more than it should ever take.
    init(_ arguments: [String], limit: Int = 120) throws {
        let waiter = """
            import os, sys
            pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
            _, status, usage = os.wait4(pid, 0)
            open(sys.argv[1], "w").write(str(usage.ru_maxrss))
            sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
            """
        let directory = try TemporaryDirectory(prefix: "measured")
        let outputFile = directory.path.appending("output")
        let errorFile = directory.path.appending("errors")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputFile.string, O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorFile.string, O_WRONLY | O_CREAT, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let memoryFile = directory.path.appending("memory")
        let words = (["python3", "-c", waiter, memoryFile.string] + arguments).map { strdup($0) }
        defer { words.forEach { free($0) } }
        let began = ContinuousClock.now
        var pid: pid_t = 0
        let started = posix_spawnp(&pid, "python3", &actions, &attributes, words + [nil], environ)
        guard started == 0 else { throw TestFailure("cannot start \(arguments[0]): \(started)") }
        var raw: Int32 = 0
        while waitpid(pid, &raw, WNOHANG) == 0 {
            if .now - began > .seconds(limit) {
                kill(-pid, SIGKILL)
                _ = waitpid(pid, &raw, 0)
                throw TestFailure("\(arguments.joined(separator: " ")) did not end within \(limit) seconds")
            }
            usleep(10_000)
        }
        duration = .now - began
        status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
        output = try Files.readText(outputFile)
        errors = try Files.readText(errorFile)
        guard let kibibytes = UInt64(try Files.readText(memoryFile)) else { throw TestFailure(errors) }
        peakMemory = kibibytes * 1024
    }
}
