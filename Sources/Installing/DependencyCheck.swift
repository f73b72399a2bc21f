internal import CRpm
internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Asks rpm whether every dependency is met and nothing conflicts; the solver has answered that before, from what the metadata say.
///
/// A process of its own reads the database for it while this one prepares the transaction. Nothing of it is to be begun before
/// `finish` returned.
final class DependencyCheck {
    private let pid: pid_t
    private let pipe: OwnedPipe
    private var isDone = false

    /// - Parameters:
    ///   - root: the root's directory as this process sees it; its database is there.
    ///   - headers: of the packages that are to be installed.
    init(root: String, headers: [OpaquePointer]) throws {
        pipe = try OwnedPipe()
        pid = try check(
            provision_rpm_check(root, headers.map(Optional.some), headers.count, pipe.writing.rawValue), "make",
            "a process for rpm")
        pipe.closeWriting()
    }

    /// Waits for the answer; does nothing once it was good.
    ///
    /// - Throws: `.unsatisfiable` with a sentence for each problem. rpmtsRun would leave out such packages in silence.
    func finish() throws {
        if isDone { return }
        isDone = true
        var said: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = read(pipe.reading.rawValue, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            if try check(count, "read from", "rpm") == 0 { break }
            said += chunk[..<count]
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let lines = String(decoding: said, as: UTF8.self).split(separator: "\n").map(String.init)
        switch status {
        case 0: return
        case 1 << 8:
            throw ProvisionError(.unsatisfiable, "rpm finds that these packages don't fit together", causes: lines)
        case let status where status & 0x7f != 0:
            throw ProvisionError(
                .failed, "the process that checks the packages' dependencies ended (signal \(status & 0x7f))",
                hint: whyKilled)
        default: throw ProvisionError(.failed, "rpm can't check the packages' dependencies", causes: lines)
        }
    }
}
