internal import CLinux
public import Diagnostics
internal import Glibc
internal import SystemPackage

extension RootedDirectory {
    /// Copies a file, link, device or whole directory to a path of another tree, as `cp -a` does: type, mode, owner, time and
    /// extended attributes are kept, but hard links become files of their own. Files that are there are replaced one by one,
    /// directories are filled.
    ///
    /// Every path is resolved inside its tree, and below the two starting points no link is followed, whatever anybody plants in
    /// either tree meanwhile. A `destination` that is a directory gets the copy put into it.
    ///
    /// - Parameter ownerOffset: added to owners and groups, for trees of another user namespace.
    /// - Returns: paths that were left out because they are sockets.
    /// - Throws: `.notFound`, `.usage` for the tree's own root, `.failed`, `.interrupted`.
    public func copy(
        _ source: String, to destination: String, in other: borrowing RootedDirectory, ownerOffset: Int64 = 0
    ) throws(ProvisionError) -> [String] {
        guard let name = source.split(separator: "/").last.map(String.init), name != ".", name != ".." else {
            throw ProvisionError(.usage, "\"\(source)\" is no path that can be copied", hint: "name something in it")
        }
        guard let (from, fromName) = try openParent(of: source) else {
            throw ProvisionError(.notFound, "there is no \"\(shown(source))\"")
        }
        defer { close(from) }
        let isDirectory = try other.resolvedStatus(destination)?.kind == .directory
        if destination.hasSuffix("/"), !isDirectory {
            throw ProvisionError(.notFound, "there is no directory \"\(other.shown(destination))\"")
        }
        let target = isDirectory ? destination + "/" + name : destination
        guard let (to, toName) = try other.openParent(of: target) else {
            throw ProvisionError(.notFound, "there is no directory for \"\(other.shown(target))\"")
        }
        defer { close(to) }
        var copier = TreeCopier(ownerOffset: ownerOffset)
        try copier.copy(fromName, from, to: toName, to, path: shown(source))
        return copier.leftOut
    }
}

/// The walk, by open directories and single names.
private struct TreeCopier {
    let ownerOffset: Int64
    var leftOut: [String] = []

    mutating func copy(
        _ name: String, _ from: Int32, to newName: String, _ to: Int32, path: FilePath
    ) throws(ProvisionError) {
        try Interruption.check()
        var status = stat()
        guard fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw errno == ENOENT ? ProvisionError(.notFound, "there is no \"\(path)\"") : systemError("look at", path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: try copyDirectory(name, from, to: newName, to, status, path)
        case S_IFREG: try copyFile(name, from, to: newName, to, status, path)
        case S_IFSOCK: leftOut.append(path.string)
        default: try makeNode(name, from, to: newName, to, status, path)
        }
    }

    private mutating func copyDirectory(
        _ name: String, _ from: Int32, to newName: String, _ to: Int32, _ status: stat, _ path: FilePath
    ) throws(ProvisionError) {
        let source = try check(openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", path)
        defer { close(source) }
        if mkdirat(to, newName, 0o700) != 0, errno != EEXIST { throw systemError("make the directory", newName) }
        let target = try check(openat(to, newName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", newName)
        defer { close(target) }
        // A descriptor of its own for the listing: fdopendir takes it over.
        let listing = try check(openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "list", path)
        guard let stream = fdopendir(listing) else {
            close(listing)
            throw systemError("list", path)
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let child = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if child == "." || child == ".." { continue }
            try copy(child, source, to: child, target, path: path.appending(child))
        }
        try keep(status, of: source, on: target, path)
    }

    private func copyFile(
        _ name: String, _ from: Int32, to newName: String, _ to: Int32, _ status: stat, _ path: FilePath
    ) throws(ProvisionError) {
        let source = try check(openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), "read", path)
        defer { close(source) }
        let temporary = ".provision-copy-\(getpid())"
        unlinkat(to, temporary, 0)
        let target = try check(
            openat(to, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600), "write", newName)
        defer { close(target) }
        do throws(ProvisionError) {
            if provision_reflink(target, source) != 0 {
                while true {
                    let count = sendfile(target, source, nil, 1 << 24)
                    if count < 0, errno == EINTR { continue }
                    if try check(count, "copy", path) == 0 { break }
                    try Interruption.check()
                }
            }
            try keep(status, of: source, on: target, path)
            try check(renameat(to, temporary, to, newName), "write", newName)
        } catch {
            unlinkat(to, temporary, 0)
            throw error
        }
    }

    private func makeNode(
        _ name: String, _ from: Int32, to newName: String, _ to: Int32, _ status: stat, _ path: FilePath
    ) throws(ProvisionError) {
        if unlinkat(to, newName, 0) != 0, errno != ENOENT { throw systemError("replace", newName) }
        if status.st_mode & S_IFMT == S_IFLNK {
            var target = [CChar](repeating: 0, count: 4097)
            try check(readlinkat(from, name, &target, 4096), "read the link", path)
            try check(symlinkat(target, to, newName), "make the link", newName)
        } else {
            try check(mknodat(to, newName, status.st_mode, status.st_rdev), "make", newName)
        }
        try check(
            fchownat(to, newName, owner(status.st_uid), owner(status.st_gid), AT_SYMLINK_NOFOLLOW), "set the owner of", newName)
        if status.st_mode & S_IFMT != S_IFLNK {
            try check(fchmodat(to, newName, status.st_mode & 0o7777, 0), "set the mode of", newName)
        }
        try check(utimensat(to, newName, [status.st_atim, status.st_mtim], AT_SYMLINK_NOFOLLOW), "set the time of", newName)
    }

    /// Owner first: changing it drops setuid bits and capabilities.
    private func keep(_ status: stat, of source: Int32, on target: Int32, _ path: FilePath) throws(ProvisionError) {
        try check(fchown(target, owner(status.st_uid), owner(status.st_gid)), "set the owner of the copy of", path)
        try check(fchmod(target, status.st_mode & 0o7777), "set the mode of the copy of", path)
        try copyAttributes(from: source, to: target, path)
        try check(futimens(target, [status.st_atim, status.st_mtim]), "set the time of the copy of", path)
    }

    private func owner(_ number: UInt32) -> UInt32 { UInt32(truncatingIfNeeded: Int64(number) + ownerOffset) }

    private func copyAttributes(from source: Int32, to target: Int32, _ path: FilePath) throws(ProvisionError) {
        let length = flistxattr(source, nil, 0)
        if length == 0 || (length < 0 && errno == EOPNOTSUPP) { return }
        try check(length, "list the attributes of", path)
        var names = [CChar](repeating: 0, count: length)
        let count = try check(flistxattr(source, &names, length), "list the attributes of", path)
        for bytes in names[..<count].split(separator: 0) {
            let name = String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // Overlayfs' own marks mean nothing elsewhere; a security module gives the copy a label of its own.
            if name.hasPrefix("trusted.overlay.") || name == "security.selinux" { continue }
            var value = [UInt8](repeating: 0, count: 65536)
            let size = try check(fgetxattr(source, name, &value, value.count), "read the attribute \(name) of", path)
            value.removeSubrange(size...)
            if name == "security.capability", ownerOffset != 0 { value = capabilities(value) }
            try check(fsetxattr(target, name, value, value.count, 0), "set the attribute \(name) of the copy of", path)
        }
    }

    /// capabilities(7), "File capability extended attribute versioning": version 3 is version 2 and the number of the user
    /// namespace's root, last, in the numbers of who reads it. The host's own root is 0.
    private func capabilities(_ value: [UInt8]) -> [UInt8] {
        guard value.count == 20 || value.count == 24, value[3] == 2 || value[3] == 3 else { return value }
        let root = owner(value.count == 24 ? value[20...].reversed().reduce(0) { $0 << 8 | UInt32($1) } : 0)
        var moved = Array(value[..<20])
        moved[3] = root == 0 ? 2 : 3
        if root != 0 { moved += (0..<4).map { UInt8(truncatingIfNeeded: root >> ($0 * 8)) } }
        return moved
    }
}
