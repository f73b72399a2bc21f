/// A path below a tree's root as the file system keeps it: bytes, not text. The root itself is the empty path.
public struct TreePath: Sendable, Hashable {
    public var bytes: [UInt8]

    public init(bytes: [UInt8]) { self.bytes = bytes }
    public init(_ text: String) { bytes = Array(text.utf8) }

    public static let root = TreePath(bytes: [])

    public var isRoot: Bool { bytes.isEmpty }

    /// nil for the root; the root for a name in it.
    public var parent: TreePath? {
        if isRoot { return nil }
        guard let slash = bytes.lastIndex(of: 0x2f) else { return .root }
        return TreePath(bytes: Array(bytes[..<slash]))
    }

    public var components: [ArraySlice<UInt8>] { bytes.split(separator: 0x2f) }

    public func appending(_ name: some Sequence<UInt8>) -> TreePath {
        TreePath(bytes: isRoot ? Array(name) : bytes + [0x2f] + name)
    }

    /// Whether this is `other` or lies below it.
    public func isInside(_ other: TreePath) -> Bool {
        other.isRoot || bytes == other.bytes
            || (bytes.count > other.bytes.count && bytes[other.bytes.count] == 0x2f && bytes.starts(with: other.bytes))
    }
}

extension TreePath: Comparable {
    /// By bytes, so that the order is the same in every locale; a directory comes before what it holds.
    public static func < (a: TreePath, b: TreePath) -> Bool {
        a.bytes.withUnsafeBufferPointer { a in
            b.bytes.withUnsafeBufferPointer { b in
                for index in 0..<min(a.count, b.count) where a[index] != b[index] { return a[index] < b[index] }
                return a.count < b.count
            }
        }
    }
}

extension TreePath: CustomStringConvertible {
    /// For people: with a leading slash; bytes that are not UTF-8 are replaced.
    public var description: String { "/" + String(decoding: bytes, as: UTF8.self) }
}
