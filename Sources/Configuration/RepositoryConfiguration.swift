public import Model

/// One repository as a release or a yum.conf section defines it: a section of repository options in yum.conf(5).
///
/// Values are as written, variables not expanded; `BuildConfiguration.expanded(_:)` replaces them.
public struct RepositoryConfiguration: Codable, Sendable, Equatable, Identifiable {
    public var id: String
    public var name: String
    /// Where its files lie, in the order of preference.
    public var baseURLs: [String]
    /// URL of a plain list of base URLs.
    public var mirrorlist: String?
    /// URL of a metalink document, which also says the digest of repomd.xml.
    public var metalink: String?
    public var enabled: Bool
    /// Packages must be signed by one of `keys`.
    public var gpgcheck: Bool
    /// repomd.xml must be signed by one of `keys`.
    public var repoGPGCheck: Bool
    public var keys: [KeyReference]
    /// The repository with the lowest number provides a package, whatever versions the others have.
    public var priority: Int
    /// Which of two repositories with the same package is preferred: the lower.
    public var cost: Int
    /// Globs of packages that alone are used; all where it is empty.
    public var includePackages: [String]
    /// Globs of packages that are never used.
    public var excludePackages: [String]
    /// Seconds after which its metadata is asked for again; nil for never.
    public var metadataExpire: Int?
    /// Whether a build may go on without it.
    public var skipIfUnavailable: Bool
    /// Its comps groups count.
    public var enablesGroups = true
    /// Mirrors are asked in the order of how soon a connection comes about, instead of the list's.
    public var fastestMirror = false
    /// md5 and sha1, for which other files can be made to fit, count as digests of its metadata. Our own setting: yum and dnf
    /// accept them silently.
    public var weakDigests = false
    /// Its packages are not filtered by modules.
    public var moduleHotfixes: Bool
    public var transport: TransportOptions
    /// Names of the settings that its definition states itself, sorted; the others follow [main].
    public var stated: [String]

    public init(
        id: String, name: String? = nil, baseURLs: [String] = [], mirrorlist: String? = nil, metalink: String? = nil,
        enabled: Bool = true, gpgcheck: Bool = true, repoGPGCheck: Bool = false, keys: [KeyReference] = [],
        priority: Int = 99, cost: Int = 1000, includePackages: [String] = [], excludePackages: [String] = [],
        metadataExpire: Int? = MainConfiguration.defaultMetadataExpire, skipIfUnavailable: Bool = false,
        moduleHotfixes: Bool = false, transport: TransportOptions = TransportOptions(), stated: [String] = []
    ) {
        self.id = id
        self.name = name ?? id
        self.baseURLs = baseURLs
        self.mirrorlist = mirrorlist
        self.metalink = metalink
        self.enabled = enabled
        self.gpgcheck = gpgcheck
        self.repoGPGCheck = repoGPGCheck
        self.keys = keys
        self.priority = priority
        self.cost = cost
        self.includePackages = includePackages
        self.excludePackages = excludePackages
        self.metadataExpire = metadataExpire
        self.skipIfUnavailable = skipIfUnavailable
        self.moduleHotfixes = moduleHotfixes
        self.transport = transport
        self.stated = stated
    }

    /// A section that states nothing yet: what can be inherited comes from [main].
    init(id: String, inheriting main: MainConfiguration) {
        self.init(id: id)
        for setting in Setting.all { setting.inherit?(&self, main) }
    }

    /// Whether any of baseurl, mirrorlist and metalink says where it is.
    var hasLocation: Bool { !baseURLs.isEmpty || mirrorlist != nil || metalink != nil }

    mutating func state(_ name: String) {
        guard !stated.contains(name) else { return }
        stated = (stated + [name]).sorted()
    }

    /// Letters, digits, `-`, `_`, `.` and `:`, as dnf allows: an id is also part of file names in the cache.
    static func isValidID(_ id: some StringProtocol) -> Bool {
        !id.isEmpty && id.first != "." && id.first != "-"
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: ":"):
                    true
                default: false
                }
            }
    }
}
