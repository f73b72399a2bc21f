internal import CLinux
public import Diagnostics
internal import Glibc

/// Another process, held by a pidfd (pidfd_open(2)): a signal sent through it never reaches one that took the same number later.
public struct ProcessHandle: ~Copyable {
    public let pid: Int32
    private let descriptor: Int32

    /// nil where there is no such process. What else tells that it is the wanted one is to be looked at after this returns.
    ///
    /// - Throws: where the kernel has no pidfds (before 5.3), or no descriptor is left.
    public init?(_ pid: Int32) throws(ProvisionError) {
        let descriptor = provision_pidfd_open(pid)
        if descriptor < 0, errno == ESRCH { return nil }
        self.descriptor = try check(descriptor, "open the process", "\(pid)")
        self.pid = pid
    }

    deinit { close(descriptor) }

    /// Sends a signal; one to a process that has ended is no error.
    public borrowing func signal(_ number: Int32) throws(ProvisionError) {
        let result = provision_pidfd_send_signal(descriptor, number)
        if result < 0, errno == ESRCH { return }
        try check(result, "send a signal to process", "\(pid)")
    }

    /// Waits for its end for at most so long; false where it lives on.
    ///
    /// - Throws: `.interrupted`.
    public borrowing func waitForEnd(milliseconds: Int64) throws(ProvisionError) -> Bool {
        var left = milliseconds
        while true {
            try Interruption.check()
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let piece = min(max(left, 0), 100)
            if poll(&polled, 1, Int32(piece)) > 0 { return true }
            if left <= 0 { return false }
            left -= piece
        }
    }
}
