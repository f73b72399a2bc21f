public import Configuration
public import Diagnostics
public import Model

/// One repository at one moment: everything that is known of it comes from the one repomd.xml with this digest.
public struct RepositorySnapshot: Sendable, Equatable {
    public var configuration: RepositoryConfiguration
    /// Where packages may be fetched, the mirror that gave the metadata first; no trailing slashes.
    public var baseURLs: [String]
    public var repomdDigest: ContentDigest
    public var revision: String?
    /// The newest of the metadata's timestamps, seconds since 1970.
    public var timestamp: UInt64
    public var primary: MetadataFile
    public var comps: MetadataFile?
    public var modules: MetadataFile?
    public var updateinfo: MetadataFile?
    /// The file lists, which `RepositoryLoader.filelists(of:)` fetches when they are needed.
    public var filelists: Repomd.Record?

    public var id: String { configuration.id }
}

extension RepositorySnapshot {
    /// Where a package of this repository may be fetched, in order of preference.
    ///
    /// - Throws: `.verification` where its location leads out of the repository.
    public func packageURLs(for package: PlannedPackage) throws(ProvisionError) -> [String] {
        try urls(location: package.location, base: package.locationBase)
    }

    func urls(location: String, base: String?) throws(ProvisionError) -> [String] {
        try RepositoryURL.check(location: location)
        guard let base, !base.isEmpty else { return baseURLs.map { RepositoryURL.join($0, location) } }
        if base.contains("://") {
            // Metadata from a network must not make us read files of this host.
            let isLocal = baseURLs.contains { $0.lowercased().hasPrefix("file:") }
            guard RepositoryURL.isUsable(base), isLocal || !base.lowercased().hasPrefix("file:") else {
                throw ProvisionError(.verification, "the base \"\(base)\" in the metadata of \"\(id)\" is refused")
            }
            return [RepositoryURL.join(base, location)]
        }
        try RepositoryURL.check(location: base)
        return baseURLs.map { RepositoryURL.join(RepositoryURL.join($0, base), location) }
    }
}
