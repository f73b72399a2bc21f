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
    /// Level 9 makes the difference of an rpm database a tenth smaller (10.1 KB of 11.0) and takes four times as long.
    private static let level = "-3"
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
        if let blocks = try ChangedBlocks(from: before.descriptor, to: after.descriptor, newSize: after.size) {
            try Files.write(blocks.frame[...], to: result.descriptor.rawValue, path: output)
            let size = blocks.byteCount(in: after.size)
            if size > 0 {
                let part = try before.part(blocks, beside: output)
                let changed = try after.part(blocks, beside: output)
                let old = blocks.byteCount(in: before.size) == 0 ? nil : part.descriptor
                try compress(changed.descriptor, size, from: old, to: result.descriptor)
            }
        } else {
            try compress(after.descriptor, after.size, from: before.descriptor, to: result.descriptor)
        }
        try result.commit(mode: 0o644)
    }

    /// - Parameters:
    ///   - file: read from its position on, `size` bytes.
    ///   - old: the dictionary; nil for none.
    private static func compress(
        _ file: FileDescriptor, _ size: UInt64, from old: FileDescriptor?, to output: FileDescriptor
    ) throws(ProvisionError) {
        let errors = try CapturedErrors()
        var options = ChildProcess.Options()
        options.descriptors = [0: file, 1: output, 2: errors.descriptor]
        options.newGroup = true
        // One thread: the bytes must not depend on how many cores there are.
        var words = ["zstd", "-q", "-c", level, "--single-thread", "--no-progress", "--stream-size=\(size)"]
        words += dictionary(old, &options)
        var child = try ChildProcess(words, options: options)
        guard try child.waitInterruptibly().succeeded else {
            throw ProvisionError(.failed, "zstd can't make a difference", causes: errors.lines())
        }
    }

    /// zstd opens it by its path.
    private static func dictionary(_ old: FileDescriptor?, _ options: inout ChildProcess.Options) -> [String] {
        guard let old else { return [] }
        options.descriptors[3] = old
        return ["--patch-from=/proc/self/fd/3"]
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
        guard let blocks = try ChangedBlocks(readFrom: stored.descriptor, size: size, path: difference) else {
            try fill([0..<size], of: target, output, from: stored, before.descriptor, difference, old)
            return try digest(of: target, path: output).digest
        }
        try Files.copyContents(of: old, to: target)
        try check(ftruncate(target.rawValue, off_t(size)), "set the length of", output)
        let ranges = blocks.byteRanges(in: size)
        if !ranges.isEmpty {
            let part = try before.part(blocks, beside: output)
            let dictionary = blocks.byteCount(in: before.size) == 0 ? nil : part.descriptor
            try fill(ranges, of: target, output, from: stored, dictionary, difference, old)
        }
        return try digest(of: target, path: output).digest
    }

    /// Writes what the frame in `stored` holds to these places, which it must fill.
    private static func fill(
        _ ranges: [Range<UInt64>], of target: FileDescriptor, _ output: FilePath, from stored: borrowing InputFile,
        _ dictionary: FileDescriptor?, _ difference: FilePath, _ old: FilePath
    ) throws(ProvisionError) {
        let size = ranges.reduce(0) { $0 + UInt64($1.count) }
        let pipe = try OwnedPipe()
        let errors = try CapturedErrors()
        var options = ChildProcess.Options()
        options.descriptors = [0: stored.descriptor, 1: pipe.writing, 2: errors.descriptor]
        options.newGroup = true
        // The window of a frame is as large as the file; a frame that asks for more is none of ours.
        let memory = max(16, (size >> 20) + 2)
        let words = ["zstd", "-q", "-d", "-c", "--memory=\(memory)MB"] + self.dictionary(dictionary, &options)
        var child = try ChildProcess(words, options: options)
        pipe.closeWriting()
        var places = ranges[...]
        var written: UInt64 = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 17)
        reading: while true {
            try Interruption.check()
            let count = read(pipe.reading.rawValue, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if try check(count, "read from", "zstd") == 0 { break }
            written += UInt64(count)
            var rest = chunk[..<count]
            while !rest.isEmpty {
                guard let place = places.first else { break reading }
                let piece = rest.prefix(place.count)
                try check(lseek(target.rawValue, off_t(place.lowerBound), SEEK_SET), "write", output)
                try Files.write(piece, to: target.rawValue, path: output)
                rest = rest.dropFirst(piece.count)
                places[places.startIndex] = (place.lowerBound + UInt64(piece.count))..<place.upperBound
                if places[places.startIndex].isEmpty { places.removeFirst() }
            }
        }
        pipe.closeReading()
        let status = try child.waitInterruptibly()
        guard status.succeeded, written == size else {
            throw ProvisionError(
                .verification, "\"\(difference)\" doesn't make the file that it is to make of \"\(old)\"",
                causes: errors.lines() + (written == size ? [] : ["it was to be \(size) bytes"]))
        }
    }
}

/// A regular file that is open for reading.
private struct InputFile: ~Copyable {
    let descriptor: FileDescriptor
    let size: UInt64
    private let path: FilePath

    init(_ path: FilePath) throws(ProvisionError) {
        self.path = path
        let opened = try check(open(path.string, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", path)
        descriptor = FileDescriptor(rawValue: opened)
        size = UInt64(max(0, lseek(opened, 0, SEEK_END)))
        lseek(opened, 0, SEEK_SET)
    }

    deinit { close(descriptor.rawValue) }

    /// A file without a name with these blocks one after another, at its beginning.
    ///
    /// - Parameter neighbour: a path on a file system that has room for it.
    func part(_ blocks: ChangedBlocks, beside neighbour: FilePath) throws(ProvisionError) -> OutputFile {
        let part = try OutputFile(FilePath("\(neighbour).part"))
        for range in blocks.byteRanges(in: size) {
            try Files.copy(descriptor, range, to: part.descriptor, path: path)
        }
        try check(lseek(part.descriptor.rawValue, 0, SEEK_SET), "rewind", neighbour)
        return part
    }
}
