public import Diagnostics
internal import Glibc
public import Model
internal import System
public import SystemPackage

/// What a tree amounts to.
public struct TreeMeasure: Sendable, Equatable {
    public var digest: ContentDigest
    /// Bytes of regular files, each hard-linked file once.
    public var size: UInt64
    /// Paths below the root.
    public var fileCount: Int

    public init(digest: ContentDigest, size: UInt64, fileCount: Int) {
        self.digest = digest
        self.size = size
        self.fileCount = fileCount
    }
}

/// A tree's digest: over content and metadata, the same wherever and whenever the same tree is made.
///
/// It is the sha256 of the line `provision-tree-1` and one record for each path in byte order, the root (an empty path) first.
/// A record's fields end in a NUL, the record in a newline:
///
///     path, type, mode (octal), owner, group, what, number of attributes, { name, value (hexadecimal) }…
///
/// `type` is one of f d l c b p s, `what` the size and the sha256 of a file's content with a space between, a link's target, a
/// device's `major:minor`, or empty. A further path of a hard-linked file is `path, h, first path`. Attributes are those that
/// `TreeScanner.isKept`. Times are left out (an rpm database or an unpacked archive must not differ for them), and so are inode
/// numbers, holes in files, and the order of directories.
public struct TreeDigest {
    /// The digest of the tree at `root` as it is on disk now: what a layer's manifest must say, if nobody touched it.
    public static func measure(_ root: FilePath) throws(ProvisionError) -> TreeMeasure {
        try measure(try TreeScanner.scan(root))
    }

    /// The same for a tree that was scanned already. Contents are read on all cores.
    ///
    /// - Parameter differences: whole files that stand for the tree's empty ones at their paths.
    public static func measure(
        _ tree: Tree, differences: [LayerManifest.Difference] = []
    ) throws(ProvisionError) -> TreeMeasure {
        measure(tree, contents: try contents(of: tree), differences: differences)
    }

    /// The sha256 of each entry's bytes, read on all cores; nil for what is no regular file or a further path of one.
    static func contents(of tree: Tree) throws(ProvisionError) -> [ContentDigest?] {
        let files = tree.entries.indices.filter { tree.entries[$0].kind == .file && tree.entries[$0].firstLink == nil }
        let read = try concurrently(files.count) { (index) throws(ProvisionError) in
            try content(of: tree.entries[files[index]], in: tree)
        }
        var contents = [ContentDigest?](repeating: nil, count: tree.entries.count)
        for (index, digest) in zip(files, read) { contents[index] = digest }
        return contents
    }

    /// The same where the contents' digests are known, one for each entry.
    static func measure(
        _ tree: Tree, contents: [ContentDigest?], differences: [LayerManifest.Difference] = []
    ) -> TreeMeasure {
        var digest = TreeDigest()
        let whole = Dictionary(differences.map { (TreePath($0.path), $0) }) { first, _ in first }
        for (var entry, var content) in zip(tree.entries, contents) {
            if entry.kind == .file, entry.size == 0, let difference = whole[entry.path] {
                (entry.size, content) = (difference.size, difference.digest)
            }
            digest.add(entry, firstPath: entry.firstLink.map { tree.entries[$0].path }, content: content)
        }
        return TreeMeasure(digest: digest.finalize(), size: tree.size, fileCount: tree.count)
    }

    private var digester = Digester.sha256
    /// Records that the digester hasn't got yet.
    private var pending = Array("provision-tree-1\n".utf8)

    public init() {}

    /// Adds one entry. Entries must come in the order of a scanned tree.
    ///
    /// - Parameters:
    ///   - firstPath: for a further path of a hard-linked file, its first.
    ///   - content: the sha256 of a regular file's bytes.
    public mutating func add(_ entry: TreeEntry, firstPath: TreePath?, content: ContentDigest?) {
        func field(_ text: some Sequence<UInt8>) {
            pending += text
            pending.append(0)
        }
        field(entry.path.bytes)
        if let firstPath {
            field("h".utf8)
            field(firstPath.bytes)
        } else {
            field(CollectionOfOne(entry.kind.letter))
            field(String(entry.mode, radix: 8).utf8)
            field(String(entry.owner).utf8)
            field(String(entry.group).utf8)
            switch entry.kind {
            case .file: field("\(entry.size) \(content?.hex ?? "")".utf8)
            case .link(let target): field(target)
            case .character(let device), .block(let device): field("\(device.major):\(device.minor)".utf8)
            case .directory, .fifo, .socket: field("".utf8)
            }
            field(String(entry.attributes.count).utf8)
            for attribute in entry.attributes {
                field(attribute.name.utf8)
                field(hexadecimal(attribute.value).utf8)
            }
        }
        pending.append(0x0a)
        if pending.count >= 1 << 15 { flush() }
    }

    private mutating func flush() {
        pending.withUnsafeBytes { digester.update($0) }
        pending.removeAll(keepingCapacity: true)
    }

    public mutating func finalize() -> ContentDigest {
        flush()
        return digester.finalize()
    }

    private static func content(of entry: TreeEntry, in tree: Tree) throws(ProvisionError) -> ContentDigest {
        let place = tree.place(of: entry)
        let descriptor = try tree.withHostPath(entry.path) { (host) throws(ProvisionError) in
            try check(open(host, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", place)
        }
        defer { close(descriptor) }
        let (digest, size) = try digest(of: FileDescriptor(rawValue: descriptor), path: place)
        guard size == entry.size else {
            throw ProvisionError(.failed, "\"\(place)\" changed while it was read")
        }
        return digest
    }
}

extension TreeEntry.Kind {
    fileprivate var letter: UInt8 {
        switch self {
        case .file: UInt8(ascii: "f")
        case .directory: UInt8(ascii: "d")
        case .link: UInt8(ascii: "l")
        case .character: UInt8(ascii: "c")
        case .block: UInt8(ascii: "b")
        case .fifo: UInt8(ascii: "p")
        case .socket: UInt8(ascii: "s")
        }
    }
}
