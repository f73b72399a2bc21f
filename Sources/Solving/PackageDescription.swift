public import Model

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
}

/// How much one repository holds.
public struct RepositoryContents: Encodable, Sendable, Equatable {
    public var id: String
    /// Number of packages, source packages left out.
    public var packages: Int
    /// Bytes of all package files.
    public var size: UInt64
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
}
