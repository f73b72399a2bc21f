internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// Makes files of a staged tree links to the same files of other layers, so that two layers of one package hold it once.
///
/// What is the same is decided by everything: path, content, owner, mode, attributes, time. Nothing ever writes into a layer's
/// tree, so that links are as good as copies; a file system without room for another link leaves a file as it is.
struct FileSharing {
    /// Layers that hold some of the same packages, the most promising first.
    let donors: [LayerHead]

    /// A file of less isn't worth the two system calls: its inode is half of what it takes.
    private static let smallest: UInt64 = 1024

    init(for manifest: LayerManifest, among layers: [LayerHead]) {
        let own = Set(manifest.packages.map { LayerHead.mark(of: $0.checksum) })
        donors =
            layers.map { layer in (layer: layer, common: layer.packages.count(where: own.contains)) }
            .filter { $0.common > 0 }.sorted { ($1.common, $0.layer.name) < ($0.common, $1.layer.name) }.prefix(4).map(\.layer)
    }

    /// Links what is the same; the bytes that needn't be kept twice.
    ///
    /// - Parameter tree: as it was cleaned, with whole seconds as times.
    func share(_ tree: Tree) throws(ProvisionError) -> UInt64 {
        let links = tree.linkCounts
        var rest = tree.entries.indices.filter {
            tree.entries[$0].kind == .file && links[$0] == 1 && tree.entries[$0].size >= FileSharing.smallest
        }
        var saved: UInt64 = 0
        var touched: Set<TreePath> = []
        for donor in donors {
            // Two of its paths may be one file, which two of ours must not become.
            var used: Set<UInt> = []
            var left: [Int] = []
            var paths = RealPaths(tree: donor.directory.appending("tree"))
            for index in rest {
                try Interruption.check()
                let entry = tree.entries[index]
                do throws(ProvisionError) {
                    guard let inode = try twin(of: entry, in: tree, &paths), used.insert(inode).inserted,
                        try link(entry, in: tree, to: paths.tree)
                    else {
                        left.append(index)
                        continue
                    }
                } catch {
                    // A donor that is removed meanwhile has no more to give.
                    guard !Files.exists(paths.tree) else { throw error }
                    left.append(index)
                    continue
                }
                saved += entry.size
                if let parent = entry.path.parent { touched.insert(parent) }
            }
            rest = left
        }
        for entry in tree.entries where touched.contains(entry.path) {
            try tree.withHostPath(entry.path) { (host) throws(ProvisionError) in try setTime(entry.modified, at: host) }
        }
        return saved
    }

    /// The inode of the donor's file at the same path where it is the same file and not ours already.
    private func twin(of entry: TreeEntry, in tree: Tree, _ donor: inout RealPaths) throws(ProvisionError) -> UInt? {
        guard let parent = entry.path.parent, donor.isDirectory(parent) else { return nil }
        var status = stat()
        var own = stat()
        guard withHostPathOf(entry.path, in: donor.tree, { lstat($0, &status) }) == 0,
            tree.withHostPath(entry.path, { lstat($0, &own) }) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_size == own.st_size, status.st_ino != own.st_ino, status.st_dev == own.st_dev
        else { return nil }
        let other = try TreeScanner.entry(entry.path, in: donor.tree).0
        guard other.isSame(as: entry, ignoringTime: false), other.modifiedNanoseconds == 0, other.overlayAttributes.isEmpty,
            try sameBytes(entry.path, tree.root, donor.tree)
        else { return nil }
        return UInt(status.st_ino)
    }

    private func link(_ entry: TreeEntry, in tree: Tree, to donor: FilePath) throws(ProvisionError) -> Bool {
        let neighbour = FilePath(tree.root.string + ".shared")
        return try withHostPathOf(entry.path, in: donor) { (from) throws(ProvisionError) in
            try tree.withHostPath(entry.path) { (place) throws(ProvisionError) in
                guard linkat(AT_FDCWD, from, AT_FDCWD, neighbour.string, 0) == 0 else {
                    if errno == EMLINK || errno == EXDEV || errno == EPERM { return false }
                    throw systemError("link", neighbour)
                }
                guard rename(neighbour.string, place) == 0 else { throw systemError("replace", String(cString: place)) }
                return true
            }
        }
    }
}

/// Which paths of a tree are directories without a link on the way, which could lead out of it.
private struct RealPaths {
    let tree: FilePath
    private var known: [TreePath: Bool] = [.root: true]

    init(tree: FilePath) { self.tree = tree }

    mutating func isDirectory(_ path: TreePath) -> Bool {
        if let answer = known[path] { return answer }
        var status = stat()
        let answer =
            path.parent.map { isDirectory($0) } ?? true && withHostPathOf(path, in: tree) { lstat($0, &status) } == 0
            && status.st_mode & S_IFMT == S_IFDIR
        known[path] = answer
        return answer
    }
}
