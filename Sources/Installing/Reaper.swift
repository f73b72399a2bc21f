internal import Diagnostics
internal import Glibc
internal import System

/// The first process of the namespaces: it waits for every process that lost its parent, and ends with the one that works.
///
/// rpm waits for its own children only. Without a reaper a daemon that a scriptlet started and stopped would stay as a zombie,
/// and a scriptlet that waits for it to be gone (`while kill -0 $pid`) would wait for ever.
enum Reaper {
    /// Starts this executable again as the second process, with the same descriptors, and ends when that one has ended.
    static func run() throws -> Never {
        var options = ChildProcess.Options()
        for number in [JobChannel.request, JobChannel.events] {
            options.descriptors[number] = .init(rawValue: number)
        }
        let worker = try ChildProcess(["/proc/self/exe", installChildArgument], options: options)
        // The parent takes the end of this channel for the worker's end.
        close(JobChannel.request)
        close(JobChannel.events)
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, 0)
            if pid == worker.pid || (pid < 0 && errno == ECHILD) {
                // As shells put it; the kernel ends all that is left in the namespace now.
                _exit(status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f))
            }
        }
    }
}
