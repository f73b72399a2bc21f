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
        try keys(repository.keys, transport: repository.transport)
    }

    /// As `keys(of:)`, each key with the reference that finds it again by its fingerprint; from now on it is in the cache.
    func pinned(of repository: RepositoryConfiguration) throws -> [(key: TrustedKey, reference: KeyReference)] {
        try keys(of: repository).map { key in
            let named = repository.keys.first { $0.fingerprint == key.fingerprint }
            var reference = try named ?? source(of: key, repository)
            reference.fingerprint = key.fingerprint
            _ = try keys([reference], transport: repository.transport)
            return (key, reference)
        }
    }

    /// Which of the references without a fingerprint gives the key.
    private func source(of key: TrustedKey, _ repository: RepositoryConfiguration) throws -> KeyReference {
        let open = repository.keys.filter { $0.fingerprint == nil }
        // With several some may fail, which was told when the keys were found.
        if open.count > 1 {
            for reference in open {
                do {
                    let keys = try keys([reference], transport: repository.transport)
                    if keys.contains(where: { $0.fingerprint == key.fingerprint }) { return reference }
                } catch let error as ProvisionError where error.code != .interrupted {
                    progress.detail("\(error)")
                }
            }
        }
        guard let reference = open.first else {
            throw ProvisionError(.failed, "no reference of repository \"\(repository.id)\" gives the key \(key.fingerprint)")
        }
        return reference
    }

    private func keys(_ references: [KeyReference], transport: TransportOptions) throws -> [TrustedKey] {
        if let keys = found[references] { return keys }
        let keys = try finder.find(references, transport: transport, progress: progress).uniqued(by: \.fingerprint)
        found[references] = keys
        return keys
    }
}
