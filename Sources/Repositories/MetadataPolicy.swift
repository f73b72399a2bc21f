public import Configuration

/// What metadata is accepted.
public struct MetadataPolicy: Sendable, Hashable {
    /// Bytes of one file of metadata as it is fetched.
    public var maximumFileSize: UInt64 = 1 << 30
    /// Bytes of one file of metadata unpacked; the largest real primary has about 900 MB.
    public var maximumOpenSize: UInt64 = 4 << 30
    /// Whether metadata may be older than what was seen of the repository before.
    public var allowsOlder = false
    /// Bytes of repomd.xml, a mirrorlist or a metalink; the largest real ones have some hundred kB.
    public var maximumIndexSize: UInt64 = 16 << 20

    public init() {}

    /// What this installation's settings say of sizes.
    public init(_ limits: SizeLimits) {
        maximumIndexSize = limits.index
        maximumFileSize = limits.metadata
        maximumOpenSize = limits.openMetadata
    }

    static let maximumSignatureSize: UInt64 = 1 << 20
}

/// How old metadata may be.
public enum Freshness: Sendable, Hashable {
    /// What is cached counts until the repository's metadata_expire.
    case useCache
    /// Ask the mirrors in any case.
    case refresh
    /// What is cached counts, however old; nothing is asked for.
    case offline
}
