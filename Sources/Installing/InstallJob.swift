public import Model

/// One rpm transaction: what to install where, and what of it must be verified against what.
///
/// It travels to the child process as JSON. Paths of the host are absolute.
public struct InstallJob: Codable, Sendable, Equatable {
    /// The staged root: an empty directory for a base, a mounted overlay for an app.
    public var root: String
    public var database: LayerManifest.Database
    /// The root's architecture, as rpm spells it (x86_64).
    public var arch: String
    /// In the order of the plan; rpm's own order is made from it.
    public var packages: [PackageFile]
    /// Imported into the root's rpm database; each repository trusts those that its packages name.
    public var keys: [TrustedKey]
    /// Leave out files marked as documentation.
    public var noDocs = false
    /// Languages whose files are installed; nil for all.
    public var languages: [String]?
    /// The root is an overlay whose lower layer holds the rpm database.
    public var overlay = false
    /// Seconds since 1970 that the rpm database gives as the time of installation; nil for the clock's. With a time of the
    /// repositories' own the same packages make the same database (SOURCE_DATE_EPOCH, which librpm and scriptlets know).
    public var installTime: UInt64?
    /// Any failing scriptlet ends the installation, and not only those that rpm gives up a package for.
    public var strictScriptlets = false
    /// How long one scriptlet may take.
    public var scriptletSeconds = 1800

    public init(
        root: String, database: LayerManifest.Database, arch: String, packages: [PackageFile], keys: [TrustedKey],
        noDocs: Bool = false, languages: [String]? = nil, overlay: Bool = false
    ) {
        self.root = root
        self.database = database
        self.arch = arch
        self.packages = packages
        self.keys = keys
        self.noDocs = noDocs
        self.languages = languages
        self.overlay = overlay
    }

    /// A package file on the host and all that it must agree with before any of it is used.
    public struct PackageFile: Codable, Sendable, Equatable {
        public var path: String
        public var nevra: NEVRA
        /// The id of the repository that it comes from.
        public var repository: String
        /// Of the whole file, from the repository's metadata.
        public var checksum: ContentDigest
        /// Bytes of the whole file.
        public var size: UInt64
        /// Whether it must be signed (gpgcheck of its repository).
        public var requireSignature: Bool
        /// Fingerprints of the keys, all among the job's, that may sign for its repository.
        public var allowedKeys: [String]
        /// How messages call it, where it came by its file's name instead of from a repository.
        public var label: String?

        public init(
            path: String, nevra: NEVRA, repository: String, checksum: ContentDigest, size: UInt64, requireSignature: Bool,
            allowedKeys: [String], label: String? = nil
        ) {
            self.path = path
            self.nevra = nevra
            self.repository = repository
            self.checksum = checksum
            self.size = size
            self.requireSignature = requireSignature
            self.allowedKeys = allowedKeys
            self.label = label
        }
    }
}

/// What is known of a transaction only after the packages were chosen, while its process has started already.
public struct InstallPlan: Codable, Sendable, Equatable {
    /// As of `InstallJob`, and so are `keys` and `installTime`.
    public var packages: [InstallJob.PackageFile]
    public var keys: [TrustedKey]
    public var installTime: UInt64?
    /// nil leaves no history.
    public var history: HistoryRecord?

    public init(
        packages: [InstallJob.PackageFile], keys: [TrustedKey], installTime: UInt64? = nil, history: HistoryRecord? = nil
    ) {
        self.packages = packages
        self.keys = keys
        self.installTime = installTime
        self.history = history
    }
}

/// What a transaction left behind.
public struct InstallOutcome: Codable, Sendable, Equatable {
    /// In the order in which they were installed.
    public var installed: [NEVRA]
    /// Bytes of the installed files, as the packages declare them.
    public var installedBytes: UInt64
    /// What failed without stopping rpm (a %post that ended with an error, say), each a sentence with the scriptlet's output.
    public var warnings: [String]
    /// What kind of rpm database the root has now: the release's, or sqlite where nothing could write that.
    public var databaseBackend: String
    /// The root's own rpm, where that wrote the database.
    public var databaseWriter: NEVRA?

    public init(installed: [NEVRA], installedBytes: UInt64, warnings: [String], databaseBackend: String = "sqlite") {
        self.installed = installed
        self.installedBytes = installedBytes
        self.warnings = warnings
        self.databaseBackend = databaseBackend
    }
}

/// What a child process is asked to do.
enum ChildRequest: Codable, Sendable, Equatable {
    /// Without packages, keys and time: an `InstallPlan` follows with the packages.
    case install(InstallJob)
    /// To verify the packages that an install process is then given. Names its architecture.
    case verify(arch: String)
    /// The packages in a root's database, as `rpm -qa` lists them.
    case list(root: String, database: LayerManifest.Database)
    /// As above with more of each; `parking` makes the database one file first, as after an install.
    case describe(root: String, database: LayerManifest.Database, parking: Bool)
    /// What package files that somebody named are; the keys that may have signed any of them.
    case inspect([NamedPackageFile], keys: [TrustedKey])

    /// The root that it is about.
    var root: String? {
        switch self {
        case .install(let job): job.root
        case .list(let root, _), .describe(let root, _, _): root
        case .verify, .inspect: nil
        }
    }
}
