public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// Reads a tree's metadata in one walk. Contents are not read: see `TreeDigest`.
public enum TreeScanner {
    public static let opaqueAttribute = "trusted.overlay.opaque"

    /// Which extended attributes belong to a layer: capabilities, access lists, users' own, and overlayfs' mark of an opaque
    /// directory. Labels of the host's security module (security.selinux, security.ima …) belong to the host.
    public static func isKept(_ name: String) -> Bool {
        name == "security.capability" || name == "system.posix_acl_access" || name == "system.posix_acl_default"
            || name == opaqueAttribute || name.hasPrefix("user.")
    }

    /// Every path of the tree at `root`, sorted by bytes, the root first. Links are never followed. All cores take part.
    ///
    /// - Throws: `.failed` where something is mounted in the tree, `.interrupted` when a signal comes.
    public static func scan(_ root: FilePath) throws(ProvisionError) -> Tree {
        var entries: [TreeEntry] = []
        var inodes: [Inode] = []
        let (first, status) = try entry(.root, in: root)
        guard first.kind == .directory else { throw ProvisionError(.failed, "\"\(root)\" is not a directory") }
        entries.append(first)
        inodes.append(Inode(status))
        // Level by level, the directories of each on all cores.
        var level: [TreePath] = [.root]
        while !level.isEmpty {
            let held = try concurrently(level.count) { [level] (index) throws(ProvisionError) in
                try names(in: level[index], of: root).map { (name) throws(ProvisionError) in
                    let (entry, status) = try entry(level[index].appending(name), in: root)
                    return (entry: entry, inode: Inode(status))
                }
            }
            level = []
            for (entry, inode) in held.joined() {
                if entry.kind == .directory {
                    guard inode.device == UInt(status.st_dev) else {
                        throw ProvisionError(.failed, "something is mounted at \"\(root)\(entry.path)\"")
                    }
                    level.append(entry.path)
                }
                entries.append(entry)
                inodes.append(inode)
            }
        }
        return Tree(root: root, entries: sorted(entries, inodes))
    }

    /// What lstat says of every path of the tree at `root`, the root too, in no order.
    static func walk(_ root: FilePath, _ visit: (stat) -> Void) throws(ProvisionError) {
        var pending: [TreePath] = [.root]
        while let path = pending.popLast() {
            try Interruption.check()
            var status = stat()
            try withHostPathOf(path, in: root) { (host) throws(ProvisionError) in
                _ = try check(lstat(host, &status), "look at", String(cString: host))
            }
            visit(status)
            guard status.st_mode & S_IFMT == S_IFDIR else { continue }
            pending += try names(in: path, of: root).map { path.appending($0) }
        }
    }

    private struct Inode: Hashable {
        let device: UInt
        let number: UInt
        let links: UInt

        init(_ status: stat) {
            device = UInt(status.st_dev)
            number = UInt(status.st_ino)
            links = UInt(status.st_nlink)
        }
    }

    private static func sorted(_ entries: [TreeEntry], _ inodes: [Inode]) -> [TreeEntry] {
        let order = entries.indices.sorted { entries[$0].path < entries[$1].path }
        var first: [Inode: Int] = [:]
        var result: [TreeEntry] = []
        result.reserveCapacity(order.count)
        for (position, index) in order.enumerated() {
            var entry = entries[index]
            // Links that lead out of the tree (a cloned layer's) are no concern of this one. Of anything but regular files nobody
            // can tell whether they are linked, and overlayfs links its whiteouts together as it likes.
            if entry.kind == .file, inodes[index].links > 1 {
                if let earlier = first[inodes[index]] {
                    entry.firstLink = earlier
                } else {
                    first[inodes[index]] = position
                }
            }
            result.append(entry)
        }
        return result
    }

    static func entry(_ path: TreePath, in root: FilePath) throws(ProvisionError) -> (TreeEntry, stat) {
        try withHostPathOf(path, in: root) { (host) throws(ProvisionError) in
            var status = stat()
            try check(lstat(host, &status), "look at", TreePlace(root: root, path: path))
            var kept: [ExtendedAttribute] = []
            var own: [String] = []
            for name in try ExtendedAttributes.names(of: host) {
                let value =
                    name.hasPrefix("trusted.overlay.") || isKept(name) ? try ExtendedAttributes.value(of: name, at: host) : []
                if name == opaqueAttribute, value != Array("y".utf8) {
                    own.append(name)
                } else if isKept(name) {
                    kept.append(ExtendedAttribute(name: name, value: value))
                } else if name.hasPrefix("trusted.overlay.") {
                    own.append(name)
                }
            }
            let entry = TreeEntry(
                path: path, kind: try kind(of: status, at: host), mode: status.st_mode & 0o7777, owner: status.st_uid,
                group: status.st_gid, size: status.st_mode & S_IFMT == S_IFREG ? UInt64(status.st_size) : 0,
                modified: Int64(status.st_mtim.tv_sec), modifiedNanoseconds: status.st_mtim.tv_nsec, attributes: kept,
                overlayAttributes: own, firstLink: nil)
            return (entry, status)
        }
    }

    private static func kind(of status: stat, at host: UnsafePointer<CChar>) throws(ProvisionError) -> TreeEntry.Kind {
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .directory
        case S_IFIFO: return .fifo
        case S_IFSOCK: return .socket
        case S_IFCHR: return .character(DeviceNumber(raw: UInt(status.st_rdev)))
        case S_IFBLK: return .block(DeviceNumber(raw: UInt(status.st_rdev)))
        default:
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = try check(readlink(host, &buffer, buffer.count), "read the link", String(cString: host))
            return .link(target: Array(buffer[..<count]))
        }
    }

    private static func names(in directory: TreePath, of root: FilePath) throws(ProvisionError) -> [[UInt8]] {
        try withHostPathOf(directory, in: root) { (host) throws(ProvisionError) in
            guard let stream = opendir(host) else { throw systemError("list", String(cString: host)) }
            defer { closedir(stream) }
            var names: [[UInt8]] = []
            errno = 0
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
                if name != [0x2e], name != [0x2e, 0x2e] { names.append(name) }
                errno = 0
            }
            guard errno == 0 else { throw systemError("list", String(cString: host)) }
            return names
        }
    }
}
