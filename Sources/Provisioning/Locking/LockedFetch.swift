internal import Diagnostics
internal import Model

/// What is said where packages of a lock can't be had.
enum LockedFetch {
    /// One error for all of them: `.verification` where a mirror delivered wrong bytes only, else `.unreachable`.
    static func error(
        _ failures: [(label: String, error: ProvisionError)], progress: any ProgressSink
    ) -> ProvisionError {
        for failure in failures { progress.detail("\(failure.label): \(failure.error)") }
        // What was refused weighs more than what wasn't there.
        let worst = failures.first { $0.error.code == .verification } ?? failures.first
        let shown = failures.prefix(10).map { "\($0.label): \($0.error.causes.first ?? $0.error.message)" }
        let more = failures.count - shown.count
        return ProvisionError(
            worst?.error.code ?? .unreachable, "\(count(failures.count, "package")) of the lock can't be had",
            hint: "another mirror may have them: --setopt REPO.baseurl=URL; newer ones: provision lock --update",
            causes: shown + (more > 0 ? ["and \(more) more"] : []))
    }
}
