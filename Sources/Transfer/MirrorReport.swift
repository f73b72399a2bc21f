internal import Diagnostics

/// Tells which mirrors were left behind on the way to files that another one delivered: one warning for each server and kind of
/// trouble, every single case as a detail.
struct MirrorReport {
    private struct Trouble: Hashable {
        let origin: String
        let kind: MirrorFailure.Kind
    }

    /// Said once in a run: packages mostly have the trouble that the metadata had.
    private var told: Set<Trouble> = []

    mutating func tell(
        _ answers: some Sequence<(TransferRequest, Result<TransferResult, ProvisionError>)>, to progress: any ProgressSink
    ) {
        var cases: [Trouble: [(label: String, reason: String)]] = [:]
        var order: [Trouble] = []
        for (request, answer) in answers {
            // What failed altogether names its mirrors in its own error.
            guard case .success(let result) = answer else { continue }
            let deliverer = result.mirror.map { withoutCredentials(request.urls[$0]) }
            for failure in result.failures {
                progress.detail("\(failure.url): \(failure.reason)")
                // Trouble that was over at the next attempt.
                if failure.url == deliverer { continue }
                let trouble = Trouble(origin: origin(of: failure.url), kind: failure.kind)
                if cases[trouble] == nil { order.append(trouble) }
                cases[trouble, default: []].append((request.label, failure.reason))
            }
        }
        for trouble in order where told.insert(trouble).inserted {
            guard let all = cases[trouble], let first = all.first else { continue }
            let others = all.count > 1 ? " and \(all.count - 1) more" : ""
            progress.warn("mirror \"\(trouble.origin)\" was left behind for \"\(first.label)\"\(others): \(first.reason)")
        }
    }
}
