public import Model

/// The [main] section: what holds for the whole build, and what repositories inherit unless they say otherwise.
public struct MainConfiguration: Codable, Sendable, Equatable {
    /// Which architectures of one package a request without an architecture installs.
    public enum MultilibPolicy: String, Codable, Sendable, CaseIterable { case best, all }

    /// Flags of the rpm transaction that leave a usable root behind.
    public enum TransactionFlag: String, Codable, Sendable, CaseIterable {
        /// Files marked as documentation are not installed.
        case nodocs
        /// SELinux contexts are not set.
        case nocontexts
    }

    /// dnf's own default: 48 hours.
    public static let defaultMetadataExpire = 48 * 3600

    /// Overrides the release's version where it is given ($releasever).
    public var releasever: String?
    /// Overrides the architecture where it is given ($basearch).
    public var basearch: String?
    /// Only packages of the requested package's own architecture may replace it.
    public var exactarch = true
    /// Packages that obsolete others replace them.
    public var obsoletes = true
    /// Fail rather than fall back to an older version when the newest can't be installed; dnf 5's default.
    public var best = true
    /// Fail where something that is asked for can't be had; else it is told and left out.
    public var strict = true
    /// dnf's other word for the contrary of `strict`.
    public var skipsBroken = false
    /// Globs of packages that don't come as weak dependencies.
    public var weakExcludes: [String] = []
    /// Whose excludes and includes don't count: `main`, ids of repositories, or `all`.
    public var disabledExcludes: [String] = []
    /// Off, other than in dnf: a root holds what was asked for and what that needs.
    public var installWeakDeps = false
    public var multilibPolicy = MultilibPolicy.best
    /// Globs that no repository's packages may match.
    public var excludePackages: [String] = []
    /// Globs that alone are used, in every repository.
    public var includePackages: [String] = []
    /// Packages of which several versions may stand side by side.
    public var installOnlyPackages = [
        "kernel", "kernel-PAE", "installonlypkg(kernel)", "installonlypkg(kernel-module)", "installonlypkg(vm)",
        "multiversion(kernel)",
    ]
    /// What of a group is installed: mandatory, default, optional, conditional.
    public var groupPackageTypes = ["mandatory", "default", "conditional"]
    /// `NAME:STREAM` of the module that the system is; nil takes it from its release package.
    public var modulePlatform: String?
    /// The root gets dnf's history of how it was made.
    public var recordsHistory = true
    public var transactionFlags: [TransactionFlag] = []
    /// Languages whose files are installed (rpm's `_install_langs`); all where it is empty.
    public var languages: [String] = []

    // What repositories inherit.

    public var enabled = true
    /// On, other than in yum and dnf, whose built-in default is off.
    public var gpgcheck = true
    public var repoGPGCheck = false
    /// Seconds; nil for never.
    public var metadataExpire: Int? = MainConfiguration.defaultMetadataExpire
    public var skipIfUnavailable = false
    public var enablesGroups = true
    public var fastestMirror = false
    public var weakDigests = false
    public var transport = TransportOptions()
    /// How many files are fetched at once; nil leaves it to `--jobs` and the settings.
    public var parallelDownloads: Int?

    public init() {}

    public var noDocs: Bool { transactionFlags.contains(.nodocs) }
}
