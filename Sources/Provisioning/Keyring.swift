internal import Configuration
internal import Diagnostics
internal import Model
internal import Repositories

/// The keys of repositories, each found once.
final class Keyring {
    private let finder: KeyFinder
    private var found: [KeyReference: [TrustedKey]] = [:]

    init(_ finder: KeyFinder) { self.finder = finder }

    /// - Throws: `.verification` where a key isn't what is pinned, is revoked or expired; `.unreachable` where it can't be had.
    func keys(of repository: RepositoryConfiguration) throws -> [TrustedKey] {
        try repository.keys.flatMap { reference in
            if let keys = found[reference] { return keys }
            let keys = try finder.find(reference, transport: repository.transport)
            found[reference] = keys
            return keys
        }.uniqued(by: \.fingerprint)
    }
}
