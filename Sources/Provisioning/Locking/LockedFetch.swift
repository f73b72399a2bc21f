internal import Diagnostics
internal import Model
internal import Transfer

extension Downloader {
    /// Fetches a lock's packages; where some can't be had, goes on with the others and then says which all are missing.
    ///
    /// - Throws: `.verification` where a mirror delivered wrong bytes only, else `.unreachable`; `.interrupted`.
    func fetchLocked(_ requests: [TransferRequest], progress: any ProgressSink) throws -> [TransferResult] {
        let attempts = try attempt(requests)
        let failures = zip(requests, attempts).compactMap { request, result -> (label: String, error: ProvisionError)? in
            if case .failure(let error) = result { return (request.label, error) }
            return nil
        }
        guard let first = failures.first?.error else { return try attempts.map { try $0.get() } }
        for failure in failures { progress.detail("\(failure.label): \(failure.error)") }
        // What was refused weighs more than what wasn't there.
        let worst = failures.first { $0.error.code == .verification }?.error ?? first
        let shown = failures.prefix(10).map { "\($0.label): \($0.error.causes.first ?? $0.error.message)" }
        let more = failures.count - shown.count
        throw ProvisionError(
            worst.code, "\(count(failures.count, "package")) of the lock can't be had",
            hint: "another mirror may have them: --setopt REPO.baseurl=URL; newer ones: provision lock --update",
            causes: shown + (more > 0 ? ["and \(more) more"] : []))
    }
}
