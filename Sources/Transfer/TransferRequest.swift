public import Model
public import SystemPackage

/// One file to fetch: where it may be had, where it goes, and how to know that it is the right one.
public struct TransferRequest: Sendable, Hashable {
    /// What a person knows it by, in progress and in messages: a package's NEVRA, `baseos: primary`.
    public var label: String
    /// http, https or file URLs of the same file, in order of preference.
    public var urls: [String]
    /// Where it appears once it is complete and right; until then it grows in `destination` + `.part`.
    public var destination: FilePath
    /// The file must have one of these, all of one algorithm; where there is none, its sha256 is only computed.
    public var digests: [ContentDigest]
    /// Its length in bytes, where that is known.
    public var size: UInt64?
    /// Its first bytes that are wanted before the rest of it; nil where the file is of use as a whole only.
    public var headSize: UInt64?
    /// A file that turns out longer than this many bytes is refused while it arrives.
    public var maximumSize: UInt64
    public var transport: TransportOptions

    public init(
        label: String, urls: [String], destination: FilePath, digests: [ContentDigest] = [], size: UInt64? = nil,
        headSize: UInt64? = nil, maximumSize: UInt64 = 16 << 30, transport: TransportOptions = TransportOptions()
    ) {
        self.label = label
        self.urls = urls
        self.destination = destination
        self.digests = digests
        self.size = size
        self.headSize = headSize
        self.maximumSize = maximumSize
        self.transport = transport
    }

    /// What is put behind the destination's name while a file is incomplete.
    public static let partSuffix = ".part"

    var algorithm: ContentDigest.Algorithm { digests.first?.algorithm ?? .sha256 }
}

/// A file that arrived whole and right.
public struct TransferResult: Sendable, Hashable {
    public var path: FilePath
    public var digest: ContentDigest
    public var size: UInt64
    /// Which of the request's URLs delivered its last byte; nil where it was there already.
    public var mirror: Int?
    /// Bytes of content that came over the wire for it, those of failed attempts included.
    public var downloadedBytes: UInt64
    /// The mirrors that were left behind on the way, and why.
    public var failures: [MirrorFailure]
}

/// Why a mirror didn't deliver a file.
public struct MirrorFailure: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// It answered that it doesn't have the file or won't give it.
        case refused
        /// No connection came about.
        case unreachable
        /// A fault that may be over at the next attempt: a cut, a stall, an overloaded server.
        case passing
        /// It delivered something else.
        case wrongBytes
    }

    /// Without user name and password.
    public var url: String
    public var kind: Kind
    /// Lower case, no full stop.
    public var reason: String
}
