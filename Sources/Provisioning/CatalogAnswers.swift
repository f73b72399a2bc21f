internal import Configuration
public import Diagnostics
public import Model
internal import Repositories
internal import Solving

/// One repository as `provision repos` lists it.
public struct RepositorySummary: Encodable, Sendable {
    public var id: String
    public var name: String
    public var enabled: Bool
    /// Where it was asked, without user names; for one that wasn't, where it would be.
    public var urls: [String]
    /// nil for one that wasn't asked, as what follows.
    public var packages: Int?
    /// Bytes of all its package files.
    public var size: UInt64?
    public var repomd: ContentDigest?
    public var revision: String?
    /// When its metadata was made, seconds since 1970.
    public var timestamp: UInt64?
    /// Whether its packages must be signed.
    public var checksPackages: Bool
    /// Whether its metadata must be signed.
    public var checksMetadata: Bool
    /// Of the keys that are pinned for it.
    public var fingerprints: [String]
    /// Why it can't be loaded.
    public var problem: ProvisionError?

    init(
        _ configuration: RepositoryConfiguration, snapshot: RepositorySnapshot?, contents: RepositoryContents?,
        problem: ProvisionError?
    ) {
        self.problem = problem
        id = configuration.id
        name = configuration.name
        enabled = configuration.enabled
        let places = configuration.baseURLs + [configuration.metalink, configuration.mirrorlist].compactMap { $0 }
        urls = (snapshot?.baseURLs ?? places).map(withoutUser)
        packages = snapshot.map { _ in contents?.packages ?? 0 }
        size = snapshot.map { _ in contents?.size ?? 0 }
        repomd = snapshot?.repomdDigest
        revision = snapshot?.revision
        timestamp = snapshot?.timestamp
        checksPackages = configuration.gpgcheck
        checksMetadata = configuration.repoGPGCheck
        fingerprints = configuration.keys.compactMap(\.fingerprint)
    }
}

/// The document of `provision groups --json`.
public struct GroupListing: Encodable, Sendable {
    public var groups: [GroupSummary]
    public var environments: [EnvironmentSummary]
}

/// A comps group, and what of it the repositories have.
public struct GroupSummary: Encodable, Sendable {
    public struct Member: Encodable, Sendable {
        public var name: String
        /// `mandatory`, `default`, `optional` or `conditional`.
        public var kind: String
        /// For a conditional one: the package whose presence asks for it.
        public var requires: String?
        /// nil where no enabled repository has a package of this name that can be installed.
        public var installedSize: UInt64?
    }

    public var id: String
    public var name: String
    public var description: String
    public var visible: Bool
    public var members: [Member]
    /// Bytes of the mandatory and default members, without what they need.
    public var installedSize: UInt64

    init(_ group: Comps.Group, index: PackageIndex) {
        id = group.id
        name = group.name.text
        description = group.description.text
        visible = group.isVisible
        members = group.members.map {
            Member(
                name: $0.name, kind: $0.kind.rawValue, requires: $0.requires,
                installedSize: index.installedSize(ofPackageNamed: $0.name))
        }
        installedSize = members.filter { $0.kind == "mandatory" || $0.kind == "default" }.reduce(0) {
            $0 + ($1.installedSize ?? 0)
        }
    }

    /// How many members are of a kind.
    public func count(of kind: String) -> Int { members.count { $0.kind == kind } }
}

/// A comps environment: groups that belong together, and groups to choose from.
public struct EnvironmentSummary: Encodable, Sendable {
    public var id: String
    public var name: String
    public var description: String
    public var groups: [String]
    public var options: [String]

    init(_ environment: Comps.Environment) {
        id = environment.id
        name = environment.name.text
        description = environment.description.text
        groups = environment.groupIDs
        options = environment.options.map(\.groupID)
    }
}
