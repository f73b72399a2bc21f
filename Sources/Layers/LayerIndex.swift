internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// What was read of layers' manifests, in one file, STATE/index: a list of thousands of layers reads that and looks at each
/// manifest's inode.
///
/// It may be deleted. An entry counts only for the very file that it was made of, and the whole only as it was written: by its
/// digest, which is its end. Numbers are little-endian; a text is its length in 16 bits and its UTF-8.
struct LayerIndex {
    /// What tells that a manifest is the file that was read: nobody sets the time of an inode's change.
    struct Mark: Equatable, Sendable {
        var inode: UInt64
        var size: Int64
        /// Seconds, and nanoseconds beside them.
        var modified: Int64
        var modifiedFraction: Int64
        var changed: Int64
        var changedFraction: Int64

        /// nil where there is no such file.
        init?(of path: String) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return nil }
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            (modified, modifiedFraction) = (Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec))
            (changed, changedFraction) = (Int64(status.st_ctim.tv_sec), Int64(status.st_ctim.tv_nsec))
        }

        fileprivate init(_ reader: inout IndexReader) throws(IndexReader.Broken) {
            inode = UInt64(bitPattern: try reader.number())
            size = try reader.number()
            (modified, modifiedFraction) = (try reader.number(), try reader.number())
            (changed, changedFraction) = (try reader.number(), try reader.number())
        }

        /// Whether what is written from now on leaves a trace in its times.
        func isSettled(at now: Int64) -> Bool { changed < now - LayerIndex.settling }

        fileprivate var numbers: [Int64] {
            [Int64(bitPattern: inode), size, modified, modifiedFraction, changed, changedFraction]
        }
    }

    struct Entry: Sendable {
        var head: LayerHead
        var mark: Mark
    }

    /// Fewer manifests than this are read as fast as an index.
    static let worthwhile = 16

    private static let beginning = Array("provision layers 1\n".utf8)
    private static let digestLength = 64
    /// A manifest that was written within so many seconds could be written again without a trace in its times.
    private static let settling: Int64 = 2

    private let file: FilePath
    private let layers: FilePath

    init(state: FilePath) {
        file = state.appending("index")
        layers = state.appending("layers")
    }

    /// Entries by name; none where there is no index, or one that isn't as it was written.
    ///
    /// - Throws: as `Files.readIfPresent`, for a disk that fails.
    func read() throws(ProvisionError) -> [String: Entry] {
        guard let bytes = try Files.readIfPresent(file, limit: 1 << 30) else { return [:] }
        let start = LayerIndex.beginning.count
        let end = bytes.count - LayerIndex.digestLength
        guard end >= start, bytes.starts(with: LayerIndex.beginning),
            sha256(of: Array(bytes[..<end])).hex.utf8.elementsEqual(bytes[end...])
        else { return [:] }
        return bytes.withUnsafeBytes { bytes in
            var reader = IndexReader(bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            var entries: [String: Entry] = [:]
            do throws(IndexReader.Broken) {
                entries.reserveCapacity(try reader.count())
                while !reader.isAtEnd {
                    let entry = try self.entry(&reader)
                    entries[entry.head.name] = entry
                }
            } catch {
                return [:]
            }
            return entries
        }
    }

    private func entry(_ reader: inout IndexReader) throws(IndexReader.Broken) -> Entry {
        let mark = try Mark(&reader)
        let name = try reader.text()
        guard let kind = LayerManifest.Kind(rawValue: try reader.text()) else { throw .init() }
        let parent = try reader.text()
        let parentDigest = parent.isEmpty ? nil : try reader.digest()
        return Entry(
            head: LayerHead(
                name: name, kind: kind, parent: parentDigest.map { .init(name: parent, digest: $0) },
                release: try reader.text(),
                digest: try reader.digest(), request: try reader.digest(), size: UInt64(bitPattern: try reader.number()),
                packages: try reader.numbers(), created: try reader.number(), made: mark.modified,
                directory: layers.appending(name)), mark: mark)
    }

    /// Writes it anew, whole or not at all; on a disk that is full or read-only there is none.
    func write(_ entries: [Entry]) throws(ProvisionError) {
        let now = Int64(time(nil))
        var writer = IndexWriter(bytes: LayerIndex.beginning)
        let kept = entries.filter { $0.mark.isSettled(at: now) }
        if kept.isEmpty { return }
        writer.number(Int64(kept.count))
        for entry in kept {
            let head = entry.head
            for number in entry.mark.numbers { writer.number(number) }
            writer.text(head.name)
            writer.text(head.kind.rawValue)
            writer.text(head.parent?.name ?? "")
            if let parent = head.parent { writer.text(parent.digest.description) }
            for text in [head.release, head.digest.description, head.request.description] { writer.text(text) }
            writer.number(Int64(bitPattern: head.size))
            writer.number(Int64(head.packages.count))
            for package in head.packages { writer.number(Int64(bitPattern: package)) }
            writer.number(head.created)
        }
        let digest = Array(sha256(of: writer.bytes).hex.utf8)
        do throws(ProvisionError) {
            try Files.write(writer.bytes + digest, to: file, mode: 0o600)
        } catch {
            if error.code == .interrupted { throw error }
        }
    }
}

private struct IndexWriter {
    var bytes: [UInt8]

    mutating func number(_ value: Int64) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }

    /// None of them is longer: a name has 64 bytes at most, a manifest with a longer release isn't one of ours.
    mutating func text(_ text: String) {
        let utf8 = text.utf8.prefix(Int(UInt16.max))
        withUnsafeBytes(of: UInt16(utf8.count).littleEndian) { bytes += $0 }
        bytes += utf8
    }
}

private struct IndexReader {
    struct Broken: Error {}

    let bytes: UnsafeRawBufferPointer
    private var place = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    private mutating func take(_ count: Int) throws(Broken) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count - place else { throw Broken() }
        defer { place += count }
        return UnsafeRawBufferPointer(rebasing: bytes[place..<place + count])
    }

    mutating func number() throws(Broken) -> Int64 { Int64(littleEndian: try take(8).loadUnaligned(as: Int64.self)) }

    /// How many of something follow: no more than there is room for.
    mutating func count() throws(Broken) -> Int {
        let count = try number()
        guard (0...Int64(bytes.count)).contains(count) else { throw Broken() }
        return Int(count)
    }

    mutating func numbers() throws(Broken) -> [UInt64] {
        let count = try count()
        let raw = try take(count * 8)
        return (0..<count).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
    }

    mutating func text() throws(Broken) -> String {
        let count = Int(UInt16(littleEndian: try take(2).loadUnaligned(as: UInt16.self)))
        return String(decoding: try take(count), as: UTF8.self)
    }

    mutating func digest() throws(Broken) -> ContentDigest {
        guard let digest = ContentDigest(try text()) else { throw Broken() }
        return digest
    }
}
