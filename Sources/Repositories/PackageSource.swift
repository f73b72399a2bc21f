public import Diagnostics
public import Model

/// The places that hold a repository's files, as far as fetching them needs to know.
public struct PackageSource: Sendable, Equatable {
    /// The repository's id, for messages.
    public var repository: String
    /// In order of preference, without trailing slashes.
    public var baseURLs: [String]

    public init(repository: String, baseURLs: [String]) {
        self.repository = repository
        self.baseURLs = baseURLs.map(RepositoryURL.withoutTrailingSlash)
    }

    /// Where a package may be fetched, in order of preference.
    ///
    /// - Throws: `.verification` where its location leads out of the repository.
    public func urls(for package: PlannedPackage) throws(ProvisionError) -> [String] {
        try urls(location: package.location, base: package.locationBase)
    }

    func urls(location: String, base: String?) throws(ProvisionError) -> [String] {
        let metadata = "the metadata of repository \"\(repository)\""
        try RepositoryURL.check(location: location, in: metadata)
        guard let base, !base.isEmpty else { return baseURLs.map { RepositoryURL.join($0, location) } }
        if base.contains("://") {
            // Metadata from a network must not make us read files of this host.
            let isLocal = baseURLs.contains { $0.lowercased().hasPrefix("file:") }
            guard RepositoryURL.isUsable(base), isLocal || !base.lowercased().hasPrefix("file:") else {
                throw ProvisionError(.verification, "the base \"\(base)\" in \(metadata) is refused")
            }
            return [RepositoryURL.join(base, location)]
        }
        try RepositoryURL.check(location: base, in: metadata)
        return baseURLs.map { RepositoryURL.join(RepositoryURL.join($0, base), location) }
    }
}
