internal import Configuration
internal import Diagnostics
internal import Model
internal import Repositories
internal import SystemPackage
internal import Transfer

/// The keys of repositories, each found once.
final class Keyring {
    private let finder: KeyFinder
    private var found: [KeyReference: [TrustedKey]] = [:]

    init(cache: FilePath, downloader: Downloader) {
        finder = KeyFinder(cache: cache, downloader: downloader)
    }

    /// - Throws: `.verification` where a repository whose signatures are checked has no key, or one isn't what is pinned.
    func keys(of repository: RepositoryConfiguration) throws -> [TrustedKey] {
        guard !repository.keys.isEmpty else {
            throw ProvisionError(
                .verification, "repository \"\(repository.id)\" has no key to check signatures with",
                hint: "give it a gpgkey, or switch the check off with gpgcheck=0 or --no-gpgcheck")
        }
        return try repository.keys.flatMap { reference in
            if let keys = found[reference] { return keys }
            let keys = try finder.find(reference)
            found[reference] = keys
            return keys
        }.uniqued(by: \.fingerprint)
    }
}
