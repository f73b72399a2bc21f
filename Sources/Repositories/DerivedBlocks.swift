public import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// A derived file of which only what is asked for is read, and checked block by block as it is.
///
/// Its first line vouches for a table of digests, one for each block of the content behind it. What was checked stays in memory:
/// whoever changes the file later changes nothing of it.
public final class DerivedBlocks {
    /// Something of the file isn't what was written; the file is gone.
    public struct Damage: Error {}

    /// Bytes of the content.
    public let count: Int
    private let path: FilePath
    private let file: FileDescriptor
    private let start: Int
    private let digests: [UInt8]
    private var present: [Bool]
    /// Zero pages until they are read.
    private let content: UnsafeMutableRawPointer
    private let capacity: Int

    fileprivate static let blockSize = 1 << 12
    /// Hexadecimal.
    fileprivate static let digestSize = 64

    fileprivate static func blocks(of count: Int) -> Int { (count + blockSize - 1) / blockSize }

    fileprivate init?(_ path: FilePath, title: (_ table: ArraySlice<UInt8>, _ count: Int) -> String) throws(ProvisionError) {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw systemError("open", path)
        }
        var isOurs = false
        defer { if !isOurs { close(descriptor) } }
        var head = [UInt8](repeating: 0, count: 1024)
        head.removeLast(head.count - max(0, pread(descriptor, &head, head.count, 0)))
        guard let end = head.firstIndex(of: UInt8(ascii: "\n")),
            let count = String(decoding: head[..<end], as: UTF8.self).split(separator: " ").last.flatMap({ Int($0) }),
            count > 0, count < 2 << 30
        else { return nil }
        let blocks = Self.blocks(of: count)
        var table = [UInt8](repeating: 0, count: blocks * Self.digestSize)
        guard pread(descriptor, &table, table.count, end + 1) == table.count,
            title(table[...], count) == String(decoding: head[..<end], as: UTF8.self)
        else { return nil }
        let capacity = blocks * Self.blockSize
        guard let content = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            content != MAP_FAILED
        else { throw systemError("take memory for", path) }
        isOurs = true
        file = FileDescriptor(rawValue: descriptor)
        (self.path, self.count, self.content, self.capacity) = (path, count, content, capacity)
        start = end + 1 + table.count
        digests = table
        present = Array(repeating: false, count: blocks)
    }

    deinit {
        munmap(content, capacity)
        close(file.rawValue)
    }

    /// The bytes of a part of the content, valid as long as this object; at least aligned as the part's start is.
    public func bytes(_ range: Range<Int>) throws(Damage) -> UnsafeRawPointer {
        guard range.lowerBound >= 0, range.upperBound <= count else { throw damage() }
        if !range.isEmpty {
            for block in range.lowerBound / Self.blockSize...(range.upperBound - 1) / Self.blockSize where !present[block] {
                try read(block)
            }
        }
        return UnsafeRawPointer(content + range.lowerBound)
    }

    /// For whoever finds that what the file says can't be.
    public func damage() -> Damage {
        unlink(path.string)
        return Damage()
    }

    private func read(_ block: Int) throws(Damage) {
        let position = block * Self.blockSize
        let size = min(Self.blockSize, count - position)
        let bytes = UnsafeMutableRawBufferPointer(start: content + position, count: size)
        guard pread(file.rawValue, bytes.baseAddress, size, start + position) == size else { throw damage() }
        let expected = digests[block * Self.digestSize..<(block + 1) * Self.digestSize]
        guard sha256(of: UnsafeRawBufferPointer(bytes)).hex.utf8.elementsEqual(expected) else { throw damage() }
        present[block] = true
    }
}

extension DerivedFiles {
    /// As `read`, of what `writeBlocks` wrote. A file that doesn't belong is removed.
    public func blocks(_ name: String, from source: String) throws(ProvisionError) -> DerivedBlocks? {
        let path = directory.appending(name)
        guard try isTrustworthy(path) else { return nil }
        if let blocks = try DerivedBlocks(path, title: { "\(title(source, $0)) \($1)" }) { return blocks }
        try Files.remove(path)
        return nil
    }

    public func writeBlocks(_ content: [UInt8], name: String, from source: String) throws(ProvisionError) {
        var table: [UInt8] = []
        content.withUnsafeBytes { bytes in
            for block in 0..<DerivedBlocks.blocks(of: bytes.count) {
                let start = block * DerivedBlocks.blockSize
                let end = min(bytes.count, start + DerivedBlocks.blockSize)
                table += sha256(of: UnsafeRawBufferPointer(rebasing: bytes[start..<end])).hex.utf8
            }
        }
        try store("\(title(source, table[...])) \(content.count)", table + content, name: name)
    }
}
