internal import Configuration
internal import Diagnostics
internal import Model
internal import Repositories

/// The keys of repositories, each found once.
final class Keyring {
    private let finder: KeyFinder
    private let progress: any ProgressSink
    private var found: [[KeyReference]: [TrustedKey]] = [:]

    init(_ finder: KeyFinder, progress: any ProgressSink) {
        self.finder = finder
        self.progress = progress
    }

    /// - Throws: `.verification` where a key isn't what is pinned, is revoked or expired; `.unreachable` where it can't be had.
    func keys(of repository: RepositoryConfiguration) throws -> [TrustedKey] {
        if let keys = found[repository.keys] { return keys }
        let keys = try finder.find(repository.keys, transport: repository.transport, progress: progress)
            .uniqued(by: \.fingerprint)
        found[repository.keys] = keys
        return keys
    }
}
