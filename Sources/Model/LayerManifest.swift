/// What a layer says of itself: `layer.json` beside its tree. Written once, never changed.
public struct LayerManifest: Codable, Sendable, Equatable {
    public enum Kind: String, Codable, Sendable { case base, app }

    /// A parent, referred to by the digest that it had when the child was made.
    public struct Parent: Codable, Sendable, Equatable {
        public var name: String
        public var digest: ContentDigest

        public init(name: String, digest: ContentDigest) {
            self.name = name
            self.digest = digest
        }
    }

    /// Where the layer's rpm database lies: path in the root, and its backend (sqlite, ndb, bdb).
    public struct Database: Codable, Sendable, Equatable {
        public var path: String
        public var backend: String

        public init(path: String, backend: String) {
            self.path = path
            self.backend = backend
        }
    }

    /// A repository that the layer's packages came from, as it was then.
    public struct Repository: Codable, Sendable, Equatable {
        public var id: String
        /// Where it was read; variables expanded, without a password.
        public var baseURL: String?
        public var repomd: ContentDigest
        public var revision: String?
        /// Fingerprints of the keys that its packages had to be signed by; none where signatures weren't checked.
        public var keys: [String]

        public init(id: String, baseURL: String?, repomd: ContentDigest, revision: String?, keys: [String]) {
            self.id = id
            self.baseURL = baseURL
            self.repomd = repomd
            self.revision = revision
            self.keys = keys
        }
    }

    /// A file of an application's layer that is kept as its difference from what the layers below show at the same path.
    ///
    /// The layer's tree holds an empty file with the whole one's metadata in its place; `Layers` makes it whole again.
    public struct Difference: Codable, Sendable, Equatable {
        /// Relative to the root.
        public var path: String
        /// Of the whole file.
        public var size: UInt64
        public var digest: ContentDigest
        /// Of the file below that it is the difference from.
        public var from: ContentDigest
        /// Of the difference itself.
        public var storedSize: UInt64
        public var stored: ContentDigest

        public init(
            path: String, size: UInt64, digest: ContentDigest, from: ContentDigest, storedSize: UInt64, stored: ContentDigest
        ) {
            self.path = path
            self.size = size
            self.digest = digest
            self.from = from
            self.storedSize = storedSize
            self.stored = stored
        }
    }

    /// Format version of this file: 1, or where files are kept as differences 3, which programs that don't know it would show empty. (2 had
    /// differences of whole files only.)
    public var schema = 1
    public var name: String
    public var kind: Kind
    /// The release id that it was made of, `custom` for one made with -c alone.
    public var release: String
    public var arch: String
    public var parent: Parent?
    /// Over the tree's content and metadata, files that are kept as differences taken as whole ones; independent of time and
    /// inode order.
    public var digest: ContentDigest
    /// Over all that decides the result: release, repositories' repomd digests, specs, options, patches, parent.
    public var request: ContentDigest
    /// The command that made it, for people.
    public var command: String
    /// The time that the build gave to what it made: seconds since 1970, the same whenever the same packages are installed.
    public var created: Int64
    public var database: Database?
    /// The yum.conf that the build used, variables not expanded: children are made from the same repositories.
    public var yumConfiguration: String?
    /// Packages of this layer alone, not of its parents.
    public var packages: [PlannedPackage]
    /// Packages of its parents that it removes, where it does.
    public var removedPackages: [NEVRA]?
    public var patches: [PatchReport]
    public var warnings: [String]
    /// Of the lock that it was built from, where it was.
    public var lock: ContentDigest?
    /// Those that its packages came from, by id; nil in layers of earlier versions and those made without any.
    public var repositories: [Repository]?
    /// The version of provision that made it.
    public var builder: String?
    /// In the order of their files, `deltas/0.zst` and so on; nil where every file of the tree is whole.
    public var differences: [Difference]?
    /// Bytes of this layer's own regular files (each hard-linked file once; a difference with its own size), and its own paths.
    public var size: UInt64
    public var fileCount: Int

    public init(
        name: String, kind: Kind, release: String, arch: String, parent: Parent?, digest: ContentDigest,
        request: ContentDigest, command: String, created: Int64, database: Database?, yumConfiguration: String?,
        packages: [PlannedPackage], patches: [PatchReport], warnings: [String], size: UInt64, fileCount: Int
    ) {
        self.name = name
        self.kind = kind
        self.release = release
        self.arch = arch
        self.parent = parent
        self.digest = digest
        self.request = request
        self.command = command
        self.created = created
        self.database = database
        self.yumConfiguration = yumConfiguration
        self.packages = packages
        self.patches = patches
        self.warnings = warnings
        self.size = size
        self.fileCount = fileCount
    }
}

extension LayerManifest {
    /// The manifest of the same layer with every file whole, as an image that any runtime can run needs it.
    public var whole: LayerManifest {
        guard let differences else { return self }
        var result = self
        result.schema = 1
        result.differences = nil
        result.size += differences.reduce(0) { $0 + $1.size } - differences.reduce(0) { $0 + $1.storedSize }
        return result
    }
}

/// What became of one clean-up patch.
public struct PatchReport: Codable, Sendable, Equatable {
    public enum Outcome: String, Codable, Sendable {
        case applied
        /// Its condition holds no more: already in the wanted state, or the file that it edits is not in the root.
        case notNeeded = "not-needed"
        /// Switched off by `--no-patch` or not on by default.
        case off
    }

    public var name: String
    public var outcome: Outcome
    /// One line: what was changed, or why nothing was.
    public var detail: String

    public init(name: String, outcome: Outcome, detail: String) {
        self.name = name
        self.outcome = outcome
        self.detail = detail
    }
}
