public import Model

/// What a statement says of one package of a root: facts of its header, and where it came from as far as the layers know.
public struct InstalledPackage: Sendable, Equatable {
    /// A regular file that the package owns.
    public struct File: Sendable, Equatable {
        /// Absolute, in the root.
        public var path: String
        /// Of its content as it is in the root. SPDX wants the first of every file, nobody should trust it.
        public var sha1: ContentDigest
        public var sha256: ContentDigest

        public init(path: String, sha1: ContentDigest, sha256: ContentDigest) {
            self.path = path
            self.sha1 = sha1
            self.sha256 = sha256
        }
    }

    public var nevra: NEVRA
    /// The header's licence: an SPDX expression in newer distributions, a distribution's own words in older ones.
    public var licence: String
    public var vendor: String?
    public var homepage: String?
    public var summary: String
    /// The source package's file name; nil for a package that names none.
    public var sourcePackage: String?
    /// Of the package file; nil where no manifest of the chain knows the package.
    public var checksum: ContentDigest?
    /// The repository's id and the package's path below its base URL.
    public var repository: String?
    public var location: String?
    /// Those that are in the root (documentation may have been left out); filled on request.
    public var files: [File] = []

    public init(
        nevra: NEVRA, licence: String, vendor: String? = nil, homepage: String? = nil, summary: String,
        sourcePackage: String? = nil, checksum: ContentDigest? = nil, repository: String? = nil, location: String? = nil
    ) {
        self.nevra = nevra
        self.licence = licence
        self.vendor = vendor
        self.homepage = homepage
        self.summary = summary
        self.sourcePackage = sourcePackage
        self.checksum = checksum
        self.repository = repository
        self.location = location
    }
}

/// A root or a layer as the subject of a statement.
public struct StatementSubject: Sendable, Equatable {
    /// The layer's name, or the root's.
    public var name: String
    /// The layer's digest; nil for a root directory or a machine, which have none.
    public var digest: ContentDigest?
    /// `ID` and `VERSION_ID` of the root's os-release.
    public var distribution: String
    public var distributionVersion: String
    /// Seconds since 1970: when the layer was made, or SOURCE_DATE_EPOCH.
    public var created: Int64
    public var packages: [InstalledPackage]

    public init(
        name: String, digest: ContentDigest?, distribution: String, distributionVersion: String, created: Int64,
        packages: [InstalledPackage]
    ) {
        self.name = name
        self.digest = digest
        self.distribution = distribution
        self.distributionVersion = distributionVersion
        self.created = created
        self.packages = packages
    }
}
