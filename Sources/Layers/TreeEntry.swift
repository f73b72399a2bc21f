public import System
public import SystemPackage

/// One path of a tree with all that a layer keeps of it.
public struct TreeEntry: Sendable {
    public enum Kind: Sendable, Hashable {
        case file, directory, fifo, socket
        case link(target: [UInt8])
        case character(DeviceNumber)
        case block(DeviceNumber)
    }

    public var path: TreePath
    public var kind: Kind
    /// Permission bits with setuid, setgid and sticky.
    public var mode: UInt32
    public var owner: UInt32
    public var group: UInt32
    /// Bytes of a regular file, 0 for everything else.
    public var size: UInt64
    /// Seconds since 1970, and the nanoseconds that no archive format of ours carries.
    public var modified: Int64
    public var modifiedNanoseconds: Int
    /// What a layer keeps (see `TreeScanner.isKept`), sorted by name.
    public var attributes: [ExtendedAttribute]
    /// Attributes that overlayfs keeps for its own use and that mean nothing elsewhere.
    public var overlayAttributes: [String]
    /// Where an earlier path (in byte order) of the same tree is the same file: that entry's index.
    public var firstLink: Int?

    public init(
        path: TreePath, kind: Kind, mode: UInt32, owner: UInt32 = 0, group: UInt32 = 0, size: UInt64 = 0, modified: Int64 = 0,
        modifiedNanoseconds: Int = 0, attributes: [ExtendedAttribute] = [], overlayAttributes: [String] = [],
        firstLink: Int? = nil
    ) {
        self.path = path
        self.kind = kind
        self.mode = mode
        self.owner = owner
        self.group = group
        self.size = size
        self.modified = modified
        self.modifiedNanoseconds = modifiedNanoseconds
        self.attributes = attributes
        self.overlayAttributes = overlayAttributes
        self.firstLink = firstLink
    }

    /// The device 0:0 by which overlayfs marks a path that the layer removes.
    public var isWhiteout: Bool { kind == .character(DeviceNumber(major: 0, minor: 0)) }

    /// Whether the directory hides all that lower layers have at its path.
    public var isOpaque: Bool { attributes.contains { $0.name == TreeScanner.opaqueAttribute } }
}

/// A tree as it was found: its entries sorted by path, the root first.
public struct Tree: Sendable {
    public let root: FilePath
    public let entries: [TreeEntry]

    public init(root: FilePath, entries: [TreeEntry]) {
        self.root = root
        self.entries = entries
    }

    /// Bytes of regular files, each hard-linked file once.
    public var size: UInt64 { entries.reduce(0) { $0 + ($1.firstLink == nil ? $1.size : 0) } }

    /// Paths below the root.
    public var count: Int { max(0, entries.count - 1) }

    /// For each entry, how many paths of this tree are the same file (1 for most).
    public var linkCounts: [Int] {
        var counts = [Int](repeating: 1, count: entries.count)
        for entry in entries { if let first = entry.firstLink { counts[first] += 1 } }
        for (index, entry) in entries.enumerated() { if let first = entry.firstLink { counts[index] = counts[first] } }
        return counts
    }

    /// Some of the entries. Of a file with several paths the first that is left becomes the first.
    static func keeping(_ kept: [Bool], of entries: [TreeEntry]) -> [TreeEntry] {
        /// By the index of the first path before, that of the first path now.
        var first: [Int: Int] = [:]
        var result: [TreeEntry] = []
        for (index, entry) in entries.enumerated() where kept[index] {
            var entry = entry
            let before = entry.firstLink ?? index
            entry.firstLink = first[before]
            if entry.firstLink == nil { first[before] = result.count }
            result.append(entry)
        }
        return result
    }

    /// An entry's place on the host, for messages.
    public func place(of entry: TreeEntry) -> TreePlace { TreePlace(root: root, path: entry.path) }

    /// Calls `body` with the host's path of an entry, as the kernel takes it.
    public func withHostPath<Result, Failure: Error>(
        _ path: TreePath, _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withHostPathOf(path, in: root, body)
    }
}

/// The host's path of `path` in the tree at `root`, NUL-terminated for the length of the call.
func withHostPathOf<Result, Failure: Error>(
    _ path: TreePath, in root: FilePath, _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
) throws(Failure) -> Result {
    let base = root.string.utf8
    let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: base.count + path.bytes.count + 2)
    defer { bytes.deallocate() }
    var (_, end) = bytes.initialize(from: base)
    if !path.isRoot {
        bytes.initializeElement(at: end, to: UInt8(ascii: "/"))
        end = bytes[(end + 1)...].initialize(fromContentsOf: path.bytes)
    }
    bytes.initializeElement(at: end, to: 0)
    return try body(UnsafeRawPointer(bytes.baseAddress!).assumingMemoryBound(to: CChar.self))
}

/// Where an entry lies, for messages: it becomes text when one is written.
public struct TreePlace: CustomStringConvertible, Sendable {
    let root: FilePath
    let path: TreePath

    public var description: String { root.string + path.description }
}
