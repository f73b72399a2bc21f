public import Diagnostics
public import Model

/// A repository's index, repodata/repomd.xml: the files of one generation of metadata and their digests.
public struct Repomd: Sendable, Hashable {
    /// One file of metadata.
    public struct Record: Sendable, Hashable {
        /// `primary`, `filelists`, `group`, `modules`, …
        public var type: String
        /// Path below the base URL; checked not to lead out of it.
        public var location: String
        /// `xml:base`: where it lies instead of below the base URL.
        public var locationBase: String?
        public var checksum: ContentDigest
        /// Of the uncompressed content.
        public var openChecksum: ContentDigest?
        public var size: UInt64?
        public var openSize: UInt64?
        /// Seconds since 1970.
        public var timestamp: UInt64?
    }

    public var revision: String?
    public var records: [Record]

    /// The newest of the records' timestamps, seconds since 1970; 0 where there are none.
    public var timestamp: UInt64 { records.compactMap(\.timestamp).max() ?? 0 }

    public subscript(type: String) -> Record? { records.first { $0.type == type } }

    /// Types that a build reads: these must be right, others may be of kinds that nobody here knows.
    static let neededTypes: Set = [
        "primary", "filelists", "group", "group_gz", "group_xz", "group_zst", "modules", "updateinfo",
    ]

    /// - Parameter source: what messages call the document.
    /// - Throws: `.failed` where it is malformed, `.verification` where a location leads out of the repository.
    public init(parsing document: [UInt8], source: String) throws(ProvisionError) {
        let visitor = RepomdVisitor(source: source)
        try XMLReader.read(document, source: source, into: visitor)
        guard visitor.sawRepomd else { throw ProvisionError(.failed, "\(source) is not a repository's index") }
        revision = visitor.revision
        records = visitor.records
        guard self["primary"] != nil else { throw ProvisionError(.failed, "\(source) names no primary metadata") }
    }

    /// Whether this is an older generation than one with `revision` and `timestamp`. Revisions count where both are numbers.
    func isOlder(thanRevision revision: String?, timestamp: UInt64) -> Bool {
        if self.timestamp < timestamp { return true }
        guard let ours = self.revision.flatMap(UInt64.init), let theirs = revision.flatMap(UInt64.init) else { return false }
        return ours < theirs
    }
}

private final class RepomdVisitor: XMLVisitor {
    private let source: String
    var sawRepomd = false
    var revision: String?
    var records: [Repomd.Record] = []
    private var type = ""
    private var location: String?
    private var locationBase: String?
    private var digestType = ""
    private var checksum: ContentDigest?
    private var openChecksum: ContentDigest?
    private var numbers: [String: UInt64] = [:]

    init(source: String) { self.source = source }

    func begin(_ path: [String], attributes: [String: String]) throws(ProvisionError) {
        switch path {
        case ["repomd"]: sawRepomd = true
        case ["repomd", "data"]:
            type = attributes["type"] ?? ""
            (location, locationBase, checksum, openChecksum, numbers) = (nil, nil, nil, nil, [:])
        case ["repomd", "data", "location"]:
            location = attributes["href"]
            locationBase = attributes["xml:base"]
        case ["repomd", "data", "checksum"], ["repomd", "data", "open-checksum"]:
            digestType = attributes["type"] ?? ""
        default: break
        }
    }

    func end(_ path: [String], text: String) throws(ProvisionError) {
        switch path {
        case ["repomd", "revision"]: revision = text
        case ["repomd", "data", "checksum"]: checksum = digest(text)
        case ["repomd", "data", "open-checksum"]: openChecksum = digest(text)
        case ["repomd", "data", "size"], ["repomd", "data", "open-size"], ["repomd", "data", "timestamp"]:
            // Old createrepo wrote timestamps with a fraction.
            numbers[path[2]] = UInt64(text.prefix { $0 != "." })
        case ["repomd", "data"]: try finishRecord()
        default: break
        }
    }

    private func digest(_ text: String) -> ContentDigest? {
        ContentDigest.Algorithm(rpmMetadataName: digestType).flatMap { ContentDigest($0, hex: text) }
    }

    private func finishRecord() throws(ProvisionError) {
        if let location { try RepositoryURL.check(location: location, in: source) }
        guard let location, let checksum else {
            if Repomd.neededTypes.contains(type) {
                throw ProvisionError(
                    .failed, "\(source) gives no \(location == nil ? "location" : "usable checksum") for \"\(type)\"")
            }
            return
        }
        records.append(
            Repomd.Record(
                type: type, location: location, locationBase: locationBase, checksum: checksum, openChecksum: openChecksum,
                size: numbers["size"], openSize: numbers["open-size"], timestamp: numbers["timestamp"]))
    }
}
