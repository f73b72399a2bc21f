internal import Diagnostics
internal import Glibc
internal import System

/// The first process of the namespaces: it waits for every process that lost its parent, and ends with the one that works.
///
/// rpm waits for its own children only. Without a reaper a daemon that a scriptlet started and stopped would stay as a zombie,
/// and a scriptlet that waits for it to be gone (`while kill -0 $pid`) would wait for ever.
enum Reaper {
    /// Goes on as a second process, in which this returns; the first one ends when that one has ended.
    ///
    /// A fork and not a start of the executable: the process has one thread yet, and a start takes ten milliseconds.
    static func run() throws {
        let worker = try check(forkProcess(), "make", "the install process")
        if worker == 0 { return }
        // The parent takes the end of these for the worker's end.
        for descriptor in [JobChannel.orders, JobChannel.events, JobChannel.packages] { close(descriptor) }
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, 0)
            if pid == worker || (pid < 0 && errno == ECHILD) {
                // As shells put it; the kernel ends all that is left in the namespace now.
                _exit(status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f))
            }
        }
    }
}
