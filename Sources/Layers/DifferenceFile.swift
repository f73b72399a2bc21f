internal import Diagnostics
internal import Glibc
internal import Model
internal import System
public import SystemPackage

/// What makes one version of a file from another: a zstd frame with the older version as its dictionary (`zstd --patch-from`).
///
/// Where little has changed, old and new are the blocks that did, one after another, and a list before the frame says which
/// (`ChangedBlocks`): of a database that takes a quarter of the time.
public enum DifferenceFile {
    /// What zstd takes as a dictionary, and more than any database in a root has.
    static let largest: UInt64 = 1 << 30

    /// DIRECTORY/deltas/INDEX.zst, where a layer and an image's envelope have the difference of that index.
    public static func path(_ index: Int, in directory: FilePath) -> FilePath {
        directory.appending("deltas").appending(name(index))
    }

    /// The file's name in `deltas`.
    public static func name(_ index: Int) -> String { "\(index).zst" }

    /// Writes the difference from `old` to `new`, both regular files.
    ///
    /// - Throws: `.failed` with zstd's words.
    static func make(from old: FilePath, to new: FilePath, at output: FilePath) throws(ProvisionError) {
        var result = try OutputFile(output)
        let before = try InputFile(old)
        let after = try InputFile(new)
        let blocks = try ChangedBlocks(from: before.descriptor, to: after.descriptor, newSize: after.size)
        if let blocks { try Files.write(blocks.frame[...], to: result.descriptor.rawValue, path: output) }
        let ranges = byteRanges(of: blocks, in: after.size)
        if !ranges.isEmpty {
            try DifferenceFrame.compress(
                after.descriptor, ranges, prefix: before.contents(of: byteRanges(of: blocks, in: before.size)),
                to: result.descriptor, path: output)
        }
        try result.commit(mode: 0o644)
    }

    /// Writes to `output`, a new file, what `difference` makes of `old`.
    ///
    /// - Parameter size: bytes that must come out; not one more is written.
    /// - Returns: the digest of what was written.
    /// - Throws: `.verification` where the difference is damaged, or is one from another file.
    static func apply(
        _ difference: FilePath, to old: FilePath, at output: FilePath, size: UInt64
    ) throws(ProvisionError) -> ContentDigest {
        guard size <= largest else {
            throw ProvisionError(
                .verification, "\"\(difference)\" would make a file of \(size) bytes", hint: "nothing was made")
        }
        let target = FileDescriptor(
            rawValue: try check(
                open(output.string, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600), "write", output))
        defer { close(target.rawValue) }
        let stored = try InputFile(difference)
        let before = try InputFile(old)
        let blocks = try ChangedBlocks(readFrom: stored.descriptor, size: size, path: difference)
        if blocks != nil {
            try Files.copyContents(of: old, to: target)
            try check(ftruncate(target.rawValue, off_t(size)), "set the length of", output)
        }
        let ranges = byteRanges(of: blocks, in: size)
        if !ranges.isEmpty {
            try fill(
                ranges, of: target, output, from: stored, at: UInt64(blocks?.frame.count ?? 0),
                prefix: before.contents(of: byteRanges(of: blocks, in: before.size)), difference)
        }
        return try digest(of: target, path: output).digest
    }

    /// Which bytes of a file of `size` bytes a frame is about: those of the blocks, or all where there is no list of any.
    private static func byteRanges(of blocks: ChangedBlocks?, in size: UInt64) -> [Range<UInt64>] {
        blocks?.byteRanges(in: size) ?? [0..<size]
    }

    /// Writes what the frame at `start` of `stored` holds to these places, which it must fill.
    private static func fill(
        _ ranges: [Range<UInt64>], of target: FileDescriptor, _ output: FilePath, from stored: borrowing InputFile,
        at start: UInt64, prefix: [UInt8], _ difference: FilePath
    ) throws(ProvisionError) {
        var places = ranges[...]
        try DifferenceFrame.decompress(
            stored.descriptor, at: start, prefix: prefix, size: ranges.byteCount, path: difference
        ) {
            (bytes) throws(ProvisionError) in
            var rest = bytes
            while !rest.isEmpty, let place = places.first {
                let piece = rest.prefix(place.count)
                try check(lseek(target.rawValue, off_t(place.lowerBound), SEEK_SET), "write", output)
                try Files.write(piece, to: target.rawValue, path: output)
                rest = rest.dropFirst(piece.count)
                places[places.startIndex] = (place.lowerBound + UInt64(piece.count))..<place.upperBound
                if places[places.startIndex].isEmpty { places.removeFirst() }
            }
        }
    }
}

/// A regular file that is open for reading.
private struct InputFile: ~Copyable {
    let descriptor: FileDescriptor
    let size: UInt64

    init(_ path: FilePath) throws(ProvisionError) {
        let opened = try check(open(path.string, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", path)
        descriptor = FileDescriptor(rawValue: opened)
        size = UInt64(max(0, lseek(opened, 0, SEEK_END)))
    }

    deinit { close(descriptor.rawValue) }

    /// What it holds in these places, one after another.
    func contents(of ranges: [Range<UInt64>]) throws(ProvisionError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(ranges.byteCount))
        let filled = try bytes.withUnsafeMutableBufferPointer { (bytes) throws(ProvisionError) in
            guard let start = bytes.baseAddress else { return 0 }
            var filled = 0
            for range in ranges {
                filled += try descriptor.readFully(start + filled, range.count, at: range.lowerBound)
            }
            return filled
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }
}
