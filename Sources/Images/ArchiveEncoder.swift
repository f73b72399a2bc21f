internal import Diagnostics
internal import Layers

/// One entry as an archive's header says it.
struct ArchiveEntry {
    var entry: TreeEntry
    /// As the archive has it: no leading slash, `.` for the root.
    var name: [UInt8]
    /// Bytes that follow the header.
    var dataSize: UInt64
    /// For paths of one hard-linked file: a number that they share, how many there are, and the first one's name.
    var link: Link?
    /// A number of this file's own (shared by hard links), from 1.
    var number: UInt32

    struct Link {
        var count: Int
        var firstName: [UInt8]
        var isFirst: Bool
    }
}

/// Writes headers of an archive format. bsdtar does the reading; the writing is ours because its newc carries the inode and device
/// numbers of the host and its pax the labels of the host's security module, so that the same layer would not be the same bytes.
protocol ArchiveEncoder {
    /// Whether the content of a hard-linked file goes with its last path (newc) instead of its first.
    static var linkedDataComesLast: Bool { get }
    /// Whether the header carries this extended attribute, and bsdtar restores it.
    static func carries(attribute: String) -> Bool
    /// - Throws: `.unsupported` for what the format can't hold at all.
    func header(of entry: ArchiveEntry) throws(ProvisionError) -> [UInt8]
    /// Zeros after this many bytes of data.
    func padding(after size: UInt64) -> Int
    /// What ends the archive, `offset` bytes after its beginning.
    func trailer(at offset: UInt64) -> [UInt8]
}

extension UInt64 {
    /// How many bytes are missing to a multiple of `unit`.
    func missing(to unit: UInt64) -> Int { Int((unit - self % unit) % unit) }
}
