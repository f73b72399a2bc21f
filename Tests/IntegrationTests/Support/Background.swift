import Glibc
import System
import SystemPackage

/// A `provision` that goes on while the test looks at it; killed at the latest when the value goes.
struct Background: ~Copyable {
    private var child: ChildProcess
    private let output: FilePath
    let pid: Int32

    /// - Parameter cgroups: open cgroup.procs files of where it starts, it and all that it starts.
    init(_ words: [String], output: FilePath, cgroups: [FileDescriptor] = []) throws {
        self.output = output
        let file = open(output.string, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer {
            close(file)
            close(null)
        }
        var options = ChildProcess.Options()
        options.descriptors = [
            0: FileDescriptor(rawValue: null), 1: FileDescriptor(rawValue: file), 2: FileDescriptor(rawValue: file),
        ]
        options.newGroup = true
        options.cgroups = cgroups
        // The testing library moves between threads, and a child dies with the thread that started it.
        options.diesWithUs = false
        child = try ChildProcess(words, options: options)
        pid = child.pid
    }

    var text: String { (try? Files.readText(output)) ?? "" }

    /// Waits until its output holds `wanted`, at most a minute.
    func expect(_ wanted: String) throws {
        for _ in 0..<3000 {
            if text.contains(wanted) { return }
            usleep(20_000)
        }
        throw TestFailure("missing: \"\(wanted)\" in the output: \(text)")
    }

    /// Waits until `condition` holds, at most a minute; it must hold before the program ends.
    mutating func wait(for what: String, until condition: (String) -> Bool) throws {
        for _ in 0..<6000 {
            if condition(text) { return }
            if let status = child.wait(milliseconds: 10) {
                throw TestFailure("it ended (\(status)) before \(what): \(text)")
            }
        }
        throw TestFailure("\(what) didn't come within a minute: \(text)")
    }

    func signal(_ number: Int32) { child.signal(number) }

    /// Its end, by SIGKILL where it hasn't come after so many seconds: under some limits of memory the kernel kills nobody, and pages
    /// of a program go as fast as they come.
    mutating func endOrKill(after seconds: Int32) throws -> ChildProcess.Status {
        if let status = child.wait(milliseconds: 1000 * seconds) { return status }
        signal(SIGKILL)
        return try end()
    }

    /// Its end, waited for at most a minute, or as long as it says.
    mutating func end(seconds: Int32 = 60) throws -> ChildProcess.Status {
        guard let status = child.wait(milliseconds: 1000 * seconds) else { throw TestFailure("missing: an end of it: \(text)") }
        return status
    }
}
