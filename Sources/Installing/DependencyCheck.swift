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
    /// A line for each problem.
    private let output: FileDescriptor
    private var isDone = false

    /// - Parameters:
    ///   - root: the root's directory as this process sees it; its database is there.
    ///   - headers: of the packages that are to be installed.
    init(root: String, headers: [OpaquePointer]) throws {
        output = try memoryFile("dependency problems", holding: [])
        pid = provision_rpm_check(root, headers.map(Optional.some), headers.count, output.rawValue)
        try check(pid, "make", "a process for rpm")
    }

    deinit { close(output.rawValue) }

    /// Waits for the answer; does nothing once it was good.
    ///
    /// - Throws: `.unsatisfiable` with a sentence for each problem. rpmtsRun would leave out such packages in silence.
    func finish() throws {
        if isDone { return }
        isDone = true
        let status = ChildProcess.reap(pid)
        let lines = String(decoding: try JobChannel.contents(of: output), as: UTF8.self).split(separator: "\n").map(String.init)
        switch status {
        case .exited(0): return
        case .exited(1):
            throw ProvisionError(.unsatisfiable, "rpm finds that these packages don't fit together", causes: lines)
        case .exited: throw ProvisionError(.failed, "rpm can't check the packages' dependencies", causes: lines)
        case .signalled:
            throw ProvisionError(
                .failed, "the process that checks the packages' dependencies ended (\(status.words))", hint: whyKilled)
        }
    }
}
