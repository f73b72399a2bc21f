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
    /// The advisories, which `RepositoryLoader.advisories(of:)` fetches when they are asked for.
    public var updateinfo: Repomd.Record?
    /// The file lists, which `RepositoryLoader.filelists(of:)` fetches when they are needed.
    public var filelists: Repomd.Record?

    public var id: String { configuration.id }
}

extension RepositorySnapshot {
    /// Where its packages may be fetched.
    public var packageSource: PackageSource { PackageSource(repository: id, baseURLs: baseURLs) }

    /// Where a package of this repository may be fetched, in order of preference.
    ///
    /// - Throws: `.verification` where its location leads out of the repository.
    public func packageURLs(for package: PlannedPackage) throws(ProvisionError) -> [String] {
        try packageSource.urls(for: package)
    }

    func urls(location: String, base: String?) throws(ProvisionError) -> [String] {
        try packageSource.urls(location: location, base: base)
    }
}
