public import Model
public import SystemPackage

/// What `base`, `app` and `plan` were asked for, as the command line says it.
public struct BuildRequest: Sendable {
    public enum Kind: Sendable, Equatable {
        case base
        /// On top of a layer of this store.
        case app(on: String)
    }

    public var kind: Kind
    public var name: String
    /// Package specs; `@ID` stands for a group.
    public var specs: [String] = []
    public var groups: [String] = []
    /// A group's optional packages too.
    public var withOptional = false
    public var release: String?
    /// A yum.conf that replaces the release's repositories.
    public var yumConfiguration: FilePath?
    public var weakDependencies = false
    public var noDocs = false
    /// Locales whose files are kept; empty keeps all.
    public var languages: [String] = []
    public var excludes: [String] = []
    /// `ID=URL`.
    public var addedRepositories: [String] = []
    public var enabledRepositories: [String] = []
    public var disabledRepositories: [String] = []
    /// `KEY=VALUE` or `REPO.KEY=VALUE`.
    public var settings: [String] = []
    public var releaseVersion: String?
    public var architecture: String?
    /// `NAME` or `NAME=VALUE`.
    public var patches: [String] = []
    public var withoutPatches: [String] = []
    public var rootPassword: String?
    public var checksSignatures = true
    /// Metadata may be older than what was seen of its repository before.
    public var allowsOlderMetadata = false
    /// Build although a fitting layer exists.
    public var fresh = false
    public var jobs: Int?
    /// Any failing scriptlet ends the build, and not only those that rpm gives up a package for.
    public var strictScriptlets = false
    /// Build exactly what it says.
    public var lock: LockFile?
    /// As typed, for the manifest.
    public var command = ""

    public init(kind: Kind, name: String) {
        self.kind = kind
        self.name = name
    }
}

/// What a build or a plan came to: the document of `--json`.
public struct BuildAnswer: Encodable, Sendable {
    public var name: String
    public var kind: LayerManifest.Kind
    public var release: String
    public var parent: LayerManifest.Parent?
    /// nil for a plan.
    public var path: String?
    /// nil for a plan.
    public var digest: ContentDigest?
    public var reused: Bool
    public var packages: [PlannedPackage]
    /// What installing it from nothing downloads.
    public var downloadBytes: UInt64
    /// What came over the wire this time.
    public var downloadedBytes: UInt64
    /// What rpm says the packages' files take.
    public var installedBytes: UInt64
    /// The layer's own files; for an app the delta. nil for a plan.
    public var layerBytes: UInt64?
    public var patches: [PatchReport]
    public var warnings: [String]
    /// Seconds in each phase, by name. Phases overlap: their sum is more than what passed.
    public var seconds: [String: Double]
    /// Seconds that passed.
    public var elapsed: Double = 0
}
