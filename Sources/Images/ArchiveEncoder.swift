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
    /// Where its data is, for a file with holes in a format that can leave them out.
    var sparse: SparseMap?
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
    /// Whether it leaves holes out, by `ArchiveEntry.sparse`.
    var carriesHoles: Bool { get }
    /// Whether it can say this time: whole seconds since 1970.
    func carries(time: Int64) -> Bool
    /// - Throws: `.unsupported` for what the format can't hold at all.
    func header(of entry: ArchiveEntry) throws(ProvisionError) -> [UInt8]
    /// Zeros after this many bytes of data.
    func padding(after size: UInt64) -> Int
    /// What ends the archive, `offset` bytes after its beginning.
    func trailer(at offset: UInt64) -> [UInt8]
}

/// The ranges of a file that hold data; the rest of its `size` bytes are holes.
struct SparseMap: Equatable {
    var data: [Range<UInt64>]
    var size: UInt64

    var holes: [Range<UInt64>] {
        var holes: [Range<UInt64>] = []
        var end: UInt64 = 0
        for range in data + [size..<size] {
            if end < range.lowerBound { holes.append(end..<range.lowerBound) }
            end = range.upperBound
        }
        return holes
    }

    /// As GNU tar's format 1.0 puts it before the data: decimal lines, padded to a block of 512 bytes; see its manual, "Storing
    /// Sparse Files".
    var encoded: [UInt8] {
        // The length of a file that ends in a hole is told by an empty range at its end.
        let ranges = data + (data.last?.upperBound == size ? [] : [size..<size])
        let text = ([ranges.count] + ranges.flatMap { [Int($0.lowerBound), $0.count] }).map { "\($0)\n" }.joined()
        return Array(text.utf8) + [UInt8](repeating: 0, count: UInt64(text.utf8.count).missing(to: 512))
    }

    /// Bytes in the archive: the map and the data.
    var encodedSize: UInt64 { UInt64(encoded.count) + data.reduce(0) { $0 + UInt64($1.count) } }
}

extension UInt64 {
    /// How many bytes are missing to a multiple of `unit`.
    func missing(to unit: UInt64) -> Int { Int((unit - self % unit) % unit) }
}
