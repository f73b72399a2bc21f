public import Model
internal import System

/// An exact plan as one file, made to be committed and reviewed: which packages, of which repositories, trusted by which keys,
/// and what was asked for.
public struct LockFile: Encodable, Sendable, Equatable {
    /// One repository as it was when the lock was made.
    public struct Repository: Encodable, Sendable, Equatable {
        public var id: String
        /// Where its packages may be fetched, most preferred first, without user names and passwords.
        public var urls: [String]
        /// Digest of repomd.xml.
        public var repomd: ContentDigest
        public var revision: String?
        /// The newest of the metadata's timestamps, seconds since 1970.
        public var timestamp: UInt64
        /// Fingerprints of the keys that may sign its packages; none where they aren't checked.
        public var keys: [String]
    }

    /// A signing key: its fingerprint pins it, the URL only tells where it may be had.
    public struct Key: Encodable, Sendable, Equatable {
        /// Forty hexadecimal digits, upper case.
        public var fingerprint: String
        /// The first user id, for people.
        public var owner: String
        public var url: String
        /// Its file's name under a host's key directories.
        public var file: String?
    }

    /// Version of the format that this program writes.
    public static let format = 2

    public var request: LockRequest
    /// Sorted by id.
    public var repositories: [Repository]
    /// Sorted by fingerprint.
    public var keys: [Key]
    /// Sorted by NEVRA.
    public var packages: [PlannedPackage]
    /// What a package manager is told beside them; nothing in a lock of format 1.
    public var selection: Selection

    /// Over everything that the file says; comments and layout don't count.
    public var digest: ContentDigest { sha256(of: text) }

    init(
        request: LockRequest, repositories: [Repository], keys: [Key], packages: [PlannedPackage],
        selection: Selection = Selection()
    ) {
        self.request = request
        self.repositories = repositories.sorted { $0.id < $1.id }
        self.keys = keys.sorted { $0.fingerprint < $1.fingerprint }
        self.selection = selection
        self.packages = packages.map { package in
            // What a reader of the file can't see isn't in it.
            var package = package
            package.summary = ""
            return package
        }.sorted { ($0.nevra.description, $0.repository) < ($1.nevra.description, $1.repository) }
    }
}
