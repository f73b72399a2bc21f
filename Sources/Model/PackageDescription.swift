/// One package of a repository in full, as its metadata describes it.
public struct PackageDescription: Encodable, Sendable, Equatable {
    public var nevra: NEVRA
    public var repository: String
    /// Bytes of the package file.
    public var size: UInt64
    /// Bytes of the installed files.
    public var installedSize: UInt64
    public var summary: String
    public var description: String
    public var license: String
    public var url: String
    public var vendor: String
    /// File name of the source package that it was built from; empty where the metadata doesn't tell.
    public var source: String
    /// Seconds since 1970; 0 where the metadata doesn't tell.
    public var buildTime: UInt64
    public var requires: [String]
    public var provides: [String]
    public var conflicts: [String]
    public var obsoletes: [String]
    public var recommends: [String]
    /// Why no build would take it, in words; nil where one may.
    public var notInstallable: String?
    /// What its repository says the package repairs.
    public var advisories: [Advisory] = []

    public init(
        nevra: NEVRA, repository: String, size: UInt64, installedSize: UInt64, summary: String, description: String,
        license: String, url: String, vendor: String, source: String, buildTime: UInt64, requires: [String],
        provides:
            [String], conflicts: [String], obsoletes: [String], recommends: [String], notInstallable: String? = nil
    ) {
        self.nevra = nevra
        self.repository = repository
        self.size = size
        self.installedSize = installedSize
        self.summary = summary
        self.description = description
        self.license = license
        self.url = url
        self.vendor = vendor
        self.source = source
        self.buildTime = buildTime
        self.requires = requires
        self.provides = provides
        self.conflicts = conflicts
        self.obsoletes = obsoletes
        self.recommends = recommends
        self.notInstallable = notInstallable
    }
}

/// What a repository's updateinfo says of a set of packages that was released together.
public struct Advisory: Encodable, Sendable, Hashable {
    /// `FEDORA-2024-3a9d1f2b`, `RHSA-2024:0001`.
    public var id: String
    /// `security`, `bugfix`, `enhancement` or `newpackage`.
    public var type: String
    /// Of a security advisory: `Critical`, `Important`, `Moderate`, `Low`; empty where it isn't told.
    public var severity: String
    public var title: String
    /// As the repository writes it.
    public var issued: String

    public init(id: String, type: String, severity: String = "", title: String = "", issued: String = "") {
        self.id = id
        self.type = type
        self.severity = severity
        self.title = title
        self.issued = issued
    }
}

/// How much one repository holds.
public struct RepositoryContents: Encodable, Sendable, Equatable {
    public var id: String
    /// Number of packages, source packages left out.
    public var packages: Int
    /// Bytes of all package files.
    public var size: UInt64

    public init(
        id: String, packages: Int, size: UInt64
    ) {
        self.id = id
        self.packages = packages
        self.size = size
    }
}

/// One package that a search found.
public struct SearchHit: Encodable, Sendable, Equatable {
    /// How well a package fits, best first: by its name, by a capability that it provides, or by its summary.
    public enum Rank: Int, Encodable, Sendable, Comparable {
        case exactName, namePrefix, nameContains, provides, summary

        public static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .exactName, .namePrefix, .nameContains: try container.encode("name")
            case .provides: try container.encode("provides")
            case .summary: try container.encode("summary")
            }
        }
    }

    public var nevra: NEVRA
    public var repository: String
    public var summary: String
    /// Of the word that fits worst.
    public var rank: Rank

    public init(
        nevra: NEVRA, repository: String, summary: String, rank: Rank
    ) {
        self.nevra = nevra
        self.repository = repository
        self.summary = summary
        self.rank = rank
    }
}
