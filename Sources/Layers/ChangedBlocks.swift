internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Which blocks of a file are others than in an older version: databases change a few pages and leave the rest in its place.
///
/// In a difference it stands before the zstd frame, as a frame that zstd skips: the magic number 0x184D2A5B, the length of what follows,
/// and for each run of blocks its first and how many there are; numbers have 32 bits, little-endian.
struct ChangedBlocks: Equatable {
    static let blockSize = 4096
    private static let magic: UInt32 = 0x184D_2A5B
    /// More runs than this are no list that is worth having.
    private static let most = 1 << 16

    /// In order, apart from each other.
    private(set) var runs: [Range<UInt64>] = []

    /// How many bytes of a file of `size` bytes are in the blocks.
    func byteCount(in size: UInt64) -> UInt64 { byteRanges(in: size).byteCount }

    /// Where the blocks are in a file of `size` bytes, which may end before the last of them does.
    func byteRanges(in size: UInt64) -> [Range<UInt64>] {
        let block = UInt64(ChangedBlocks.blockSize)
        return runs.map { min($0.lowerBound * block, size)..<min($0.upperBound * block, size) }.filter { !$0.isEmpty }
    }

    // MARK: - Found

    /// Compares two open files; nil where so much has changed that the whole of both does as well.
    init?(from old: FileDescriptor, to new: FileDescriptor, newSize: UInt64) throws(ProvisionError) {
        let length = 1 << 17
        let buffers = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * length, alignment: 4096)
        defer { buffers.deallocate() }
        let (before, after) = (buffers.baseAddress!, buffers.baseAddress! + length)
        var offset: UInt64 = 0
        while offset < newSize {
            try Interruption.check()
            let olds = try old.readFully(before, length, at: offset)
            let news = try new.readFully(after, length, at: offset)
            // A file that shrinks meanwhile is found out by its digest.
            if news == 0 { break }
            for start in stride(from: 0, to: news, by: ChangedBlocks.blockSize) {
                let count = min(ChangedBlocks.blockSize, news - start)
                if start + count <= olds, memcmp(before + start, after + start, count) == 0 { continue }
                append((offset + UInt64(start)) / UInt64(ChangedBlocks.blockSize))
            }
            offset += UInt64(news)
        }
        if runs.count > ChangedBlocks.most || byteCount(in: newSize) > newSize / 2 { return nil }
    }

    private mutating func append(_ block: UInt64) {
        if let last = runs.last, last.upperBound == block {
            runs[runs.count - 1] = last.lowerBound..<(block + 1)
        } else {
            runs.append(block..<(block + 1))
        }
    }

    // MARK: - Written and read

    var frame: [UInt8] {
        var bytes: [UInt8] = []
        for number in [ChangedBlocks.magic, UInt32(runs.count * 8)]
            + runs.flatMap({ [UInt32($0.lowerBound), UInt32($0.count)] })
        {
            withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
        }
        return bytes
    }

    /// The list at the beginning of a difference; nil where there is none, and the difference is one of the whole files.
    ///
    /// - Throws: `.verification` for a list that is none of ours, or of blocks that a file of `size` bytes doesn't have.
    init?(readFrom difference: FileDescriptor, size: UInt64, path: FilePath) throws(ProvisionError) {
        var header = [UInt8](repeating: 0, count: 8)
        guard try difference.readFully(&header, 8, at: 0) == 8, number(header, 0) == ChangedBlocks.magic else { return nil }
        let length = Int(number(header, 1))
        var bytes = [UInt8](repeating: 0, count: min(length, ChangedBlocks.most * 8))
        guard length == bytes.count, length % 8 == 0, try difference.readFully(&bytes, length, at: 8) == length else {
            throw ChangedBlocks.broken(path)
        }
        let blocks = (size + UInt64(ChangedBlocks.blockSize) - 1) / UInt64(ChangedBlocks.blockSize)
        for index in 0..<(length / 8) {
            let (first, count) = (UInt64(number(bytes, 2 * index)), UInt64(number(bytes, 2 * index + 1)))
            guard count > 0, first >= (runs.last?.upperBound ?? 0), first + count <= blocks else {
                throw ChangedBlocks.broken(path)
            }
            runs.append(first..<(first + count))
        }
    }

    private static func broken(_ path: FilePath) -> ProvisionError {
        ProvisionError(.verification, "\"\(path)\" has an impossible list of blocks", hint: "nothing was made")
    }
}

private func number(_ bytes: [UInt8], _ index: Int) -> UInt32 {
    bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)) }
}

extension [Range<UInt64>] {
    /// How many bytes they are of a file.
    var byteCount: UInt64 { reduce(0) { $0 + UInt64($1.count) } }
}
