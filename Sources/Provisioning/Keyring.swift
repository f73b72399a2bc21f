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
        try repository.keys.flatMap { try keys(of: $0, transport: repository.transport) }.uniqued(by: \.fingerprint)
    }

    /// As `keys(of:)`, each key with the reference that finds it again by its fingerprint, in the cache first.
    func pinned(of repository: RepositoryConfiguration) throws -> [(key: TrustedKey, reference: KeyReference)] {
        try repository.keys.flatMap { reference in
            let keys = try keys(of: reference, transport: repository.transport)
            return try keys.map { key in
                let pinned = KeyReference(url: reference.url, fileName: reference.fileName, fingerprint: key.fingerprint)
                return (key: try self.keys(of: pinned, transport: repository.transport).first ?? key, reference: pinned)
            }
        }.uniqued(by: \.key.fingerprint)
    }

    private func keys(of reference: KeyReference, transport: TransportOptions) throws -> [TrustedKey] {
        if let keys = found[reference] { return keys }
        let keys = try finder.find(reference, transport: transport)
        found[reference] = keys
        return keys
    }
}
