public import Model
public import SystemPackage

/// One enabled repository as the solver sees it.
public struct RepositorySource: Sendable {
    public var id: String
    /// The lower the number the better; a package of a worse repository is not chosen where a better one has the name.
    public var priority: Int
    /// Decides between repositories of the same priority; the lower the better.
    public var cost: Int
    /// Verified primary metadata, plain or with the suffix of its compression (gz, xz, zst, bz2).
    public var primary: FilePath
    /// Names the generation of the metadata, for the cache: repomd.xml's digest in hexadecimal.
    public var generation: String
    /// Called before `primary` is parsed, which happens when no cache has its content: throws where it isn't the file that was
    /// verified when it was fetched.
    public var verify: @Sendable () throws -> Void
    /// Gets verified file lists; asked for only when a file is needed that primary doesn't list. nil from it: there are none.
    public var filelists: @Sendable () throws -> FilePath?
    /// Package specs that this repository's `excludepkgs` hides.
    public var excludes: [String]
    /// Where not empty: only packages that match one of them are seen.
    public var includes: [String]

    public init(
        id: String, priority: Int = 99, cost: Int = 1000, primary: FilePath, generation: String, excludes: [String] = [],
        includes: [String] = [], filelists: @escaping @Sendable () throws -> FilePath? = { nil },
        verify: @escaping @Sendable () throws -> Void = {}
    ) {
        self.id = id
        self.priority = priority
        self.cost = cost
        self.primary = primary
        self.generation = generation
        self.excludes = excludes
        self.includes = includes
        self.verify = verify
        self.filelists = filelists
    }
}

/// A comps group that was asked for, with those of its members that the caller wants.
public struct RequestedGroup: Sendable {
    public struct Member: Sendable, Hashable {
        public var name: String
        /// For a conditional member: it is wanted only if this package comes to be installed.
        public var condition: String?
        /// comps' `basearchonly`: no other architecture than the base one will do.
        public var nativeOnly: Bool

        public init(_ name: String, condition: String? = nil, nativeOnly: Bool = false) {
            self.name = name
            self.condition = condition
            self.nativeOnly = nativeOnly
        }
    }

    public var id: String
    public var members: [Member]

    public init(id: String, members: [Member]) {
        self.id = id
        self.members = members
    }
}

/// A root that holds packages already.
public struct InstalledRoot: Sendable {
    /// The directory that the root's paths are below.
    public var root: FilePath
    /// The rpm database's directory, as a path inside the root.
    public var databasePath: String
    /// Names the root's content for the cache, where it never changes: digests of layers in hexadecimal.
    public var generation: String?

    public init(root: FilePath, databasePath: String, generation: String? = nil) {
        self.root = root
        self.databasePath = databasePath
        self.generation = generation
    }
}

/// What is wanted, of what, on top of what.
public struct SolveRequest: Sendable {
    /// What NAME without an architecture means on a multilib system, as dnf's `multilib_policy`.
    public enum MultilibPolicy: String, Sendable { case best, all }

    /// Packages that may be installed in several versions at once: dnf's default `installonlypkgs`.
    public static let defaultInstallOnly = [
        "kernel", "kernel-PAE", "installonlypkg(kernel)", "installonlypkg(kernel-module)", "installonlypkg(vm)",
        "multiversion(kernel)",
    ]

    /// In the order of the configuration, which breaks ties.
    public var repositories: [RepositorySource]
    public var installed: InstalledRoot?
    /// As dnf's users write them: NAME, NAME.ARCH, NEVRA in its forms, globs, provides, absolute paths, `name >= 1.2`.
    public var specs: [String]
    /// Package files to install, and what [main] excludes and includes of them.
    public var files: [CommandLinePackage] = []
    public var fileExcludes: [String] = []
    public var fileIncludes: [String] = []
    public var groups: [RequestedGroup]
    /// nil where no repository has modules.
    public var modules: ModuleRequest?
    /// rpm's name of the target's architecture.
    public var architecture: String
    public var excludes: [String]
    /// Where not empty: only packages that match one of them are seen.
    public var includes: [String]
    /// Of a package name that stands here only these packages are seen: what a lock holds in place. What is installed stays
    /// as it is.
    public var pins: [NEVRA] = []
    public var weakDependencies: Bool
    /// Package specs that no weak dependency brings.
    public var weakExcludes: [String] = []
    /// Insist on the newest candidate of what is asked for, rather than take an older one that can be installed.
    public var best: Bool
    /// Refuse where something that is asked for can't be had; else it is left out, with a warning where nothing is known of it.
    public var strict = true
    public var obsoletes: Bool
    /// Forbid that an installed package changes its architecture.
    public var exactArchitecture: Bool
    public var multilibPolicy: MultilibPolicy
    public var installOnly: [String]
    /// The cache's directory for parsed metadata (CACHE/solv); made where missing.
    public var cache: FilePath
    /// Bytes that one metadata file may unpack to. The largest primary known has 900 MB.
    public var metadataLimit: UInt64

    public init(
        repositories: [RepositorySource], installed: InstalledRoot? = nil, specs: [String], groups: [RequestedGroup] = [],
        modules: ModuleRequest? = nil, architecture: String, excludes: [String] = [], includes: [String] = [],
        weakDependencies: Bool = false,
        best: Bool = true, obsoletes: Bool = true, exactArchitecture: Bool = true, multilibPolicy: MultilibPolicy = .best,
        installOnly: [String] = SolveRequest.defaultInstallOnly, cache: FilePath, metadataLimit: UInt64 = 4 << 30
    ) {
        self.repositories = repositories
        self.installed = installed
        self.specs = specs
        self.groups = groups
        self.modules = modules
        self.architecture = architecture
        self.excludes = excludes
        self.includes = includes
        self.weakDependencies = weakDependencies
        self.best = best
        self.obsoletes = obsoletes
        self.exactArchitecture = exactArchitecture
        self.multilibPolicy = multilibPolicy
        self.installOnly = installOnly
        self.cache = cache
        self.metadataLimit = metadataLimit
    }
}
