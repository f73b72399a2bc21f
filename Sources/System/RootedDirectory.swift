internal import CLinux
public import Diagnostics
internal import Glibc
public import Model
public import SystemPackage

/// A directory tree that is not trusted: every path is resolved inside it, as if it were `/`.
///
/// Links that a package or an attacker planted in the tree lead to places in the tree, never to the host (openat2 with
/// RESOLVE_IN_ROOT). Paths are given as in the root, with or without the leading slash.
public struct RootedDirectory: ~Copyable {
    private let descriptor: Int32
    /// Where the tree lies on the host, for messages.
    public let path: FilePath

    public init(_ path: FilePath) throws(ProvisionError) {
        descriptor = try check(open(path.string, O_DIRECTORY | O_RDONLY | O_CLOEXEC), "open the root", path)
        self.path = path
    }

    deinit { close(descriptor) }

    /// What lies at a path, the last component not followed.
    public struct Status: Sendable {
        public enum Kind: Sendable { case file, directory, link, other }
        public let kind: Kind
        /// Permission bits with setuid, setgid and sticky.
        public let mode: UInt32
        public let owner: UInt32
        public let group: UInt32
        public let size: UInt64

        fileprivate init(_ status: stat) {
            kind =
                switch status.st_mode & S_IFMT {
                case S_IFREG: .file
                case S_IFDIR: .directory
                case S_IFLNK: .link
                default: .other
                }
            mode = status.st_mode & 0o7777
            owner = status.st_uid
            group = status.st_gid
            size = UInt64(status.st_size)
        }
    }

    /// nil where nothing is there.
    public func status(_ path: String) throws(ProvisionError) -> Status? {
        guard let (parent, name) = try openParent(of: path) else { return nil }
        defer { close(parent) }
        var status = stat()
        guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw systemError("look at", shown(path))
        }
        return Status(status)
    }

    /// What a path leads to with all links followed inside the root; nil where nothing is there or a link dangles.
    public func resolvedStatus(_ path: String) throws(ProvisionError) -> Status? {
        let file = resolve(path, UInt64(PROVISION_O_PATH))
        // ELOOP: a link that leads to itself leads to nothing.
        if file < 0, errno == ENOENT || errno == ENOTDIR || errno == ELOOP { return nil }
        try check(file, "look at", shown(path))
        defer { close(file) }
        var status = stat()
        try check(fstat(file, &status), "look at", shown(path))
        return Status(status)
    }

    /// The target of a link; nil where `path` is no link.
    public func linkTarget(_ path: String) throws(ProvisionError) -> String? {
        guard let (parent, name) = try openParent(of: path) else { return nil }
        defer { close(parent) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlinkat(parent, name, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Reads a regular file (links followed inside the root); nil where it doesn't exist.
    public func read(_ path: String, limit: Int = 16 << 20) throws(ProvisionError) -> [UInt8]? {
        let file = resolve(path, UInt64(O_RDONLY | O_NONBLOCK))
        if file < 0, errno == ENOENT || errno == ENOTDIR { return nil }
        try check(file, "read", shown(path))
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ProvisionError(.failed, "\"\(shown(path))\" is not a regular file")
        }
        return try Files.read(descriptor: file, path: shown(path), limit: limit)
    }

    /// The digest of a regular file's content (links followed inside the root); nil where none is there.
    public func digest(of path: String, algorithm: ContentDigest.Algorithm) throws(ProvisionError) -> ContentDigest? {
        let file = resolve(path, UInt64(O_RDONLY | O_NONBLOCK))
        if file < 0, errno == ENOENT || errno == ENOTDIR { return nil }
        try check(file, "read", shown(path))
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return try System.digest(of: FileDescriptor(rawValue: file), path: shown(path), algorithm: algorithm).digest
    }

    public func readText(_ path: String) throws(ProvisionError) -> String? {
        try read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Replaces a file's content by way of a temporary neighbour; mode, owner and extended attributes of an existing file are kept.
    ///
    /// Links are followed inside the root, so that the file they lead to changes. Parents are made (0755) when missing.
    public func write(_ path: String, _ bytes: [UInt8], mode: UInt32? = nil) throws(ProvisionError) {
        let target = try followed(path)
        try makeDirectory(parentPath(of: target))
        guard let (parent, name) = try openParent(of: target) else {
            throw ProvisionError(.failed, "cannot write \"\(shown(path))\": its directory is missing")
        }
        defer { close(parent) }
        let existing = try status(target)
        let temporary = ".\(name).provision"
        unlinkat(parent, temporary, 0)
        let file = try check(
            openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600), "write", shown(path))
        do {
            defer { close(file) }
            try Files.write(bytes[...], to: file, path: shown(path))
            if let existing {
                try check(fchown(file, existing.owner, existing.group), "set the owner of", shown(path))
                try copyAttributes(of: target, to: file)
            }
            try check(fchmod(file, mode ?? existing?.mode ?? 0o644), "set the mode of", shown(path))
        } catch {
            unlinkat(parent, temporary, 0)
            throw error
        }
        guard renameat(parent, temporary, parent, name) == 0 else {
            let error = systemError("write", shown(path))
            unlinkat(parent, temporary, 0)
            throw error
        }
    }

    /// Makes a symbolic link, replacing a file or link that is there.
    public func makeLink(_ path: String, to target: String) throws(ProvisionError) {
        try makeDirectory(parentPath(of: path))
        guard let (parent, name) = try openParent(of: path) else { throw systemError("make the link", shown(path)) }
        defer { close(parent) }
        unlinkat(parent, name, 0)
        try check(symlinkat(target, parent, name), "make the link", shown(path))
    }

    /// Makes a directory (0755) and its parents inside the root.
    public func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(ProvisionError) {
        if path.isEmpty || path == "/" { return }
        let existing = resolve(path, UInt64(O_DIRECTORY | PROVISION_O_PATH))
        if existing >= 0 {
            close(existing)
            return
        }
        try makeDirectory(parentPath(of: path))
        guard let (parent, name) = try openParent(of: path) else { throw systemError("make the directory", shown(path)) }
        defer { close(parent) }
        try check(mkdirat(parent, name, mode), "make the directory", shown(path))
        // What a root holds isn't the user's mask's to say.
        try check(fchmodat(parent, name, mode, 0), "set the mode of", shown(path))
    }

    /// Removes a file or a link; false where nothing was there.
    @discardableResult
    public func remove(_ path: String) throws(ProvisionError) -> Bool {
        guard let (parent, name) = try openParent(of: path) else { return false }
        defer { close(parent) }
        if unlinkat(parent, name, 0) == 0 { return true }
        if errno == ENOENT { return false }
        throw systemError("remove", shown(path))
    }

    public func setMode(_ path: String, _ mode: UInt32) throws(ProvisionError) {
        let file = try check(resolve(path, UInt64(O_RDONLY | O_NONBLOCK)), "open", shown(path))
        defer { close(file) }
        try check(fchmod(file, mode), "set the mode of", shown(path))
    }

    /// Names in a directory, sorted; nil where it doesn't exist.
    public func names(in path: String) throws(ProvisionError) -> [String]? {
        let directory = resolve(path, UInt64(O_DIRECTORY | O_RDONLY))
        if directory < 0, errno == ENOENT || errno == ENOTDIR { return nil }
        try check(directory, "list", shown(path))
        guard let stream = fdopendir(directory) else {
            close(directory)
            throw systemError("list", shown(path))
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    // MARK: - Resolution

    private func resolve(_ path: String, _ flags: UInt64) -> Int32 {
        provision_openat2(
            descriptor, path.isEmpty ? "." : path, flags | UInt64(O_CLOEXEC), 0,
            PROVISION_RESOLVE_IN_ROOT | PROVISION_RESOLVE_NO_MAGICLINKS)
    }

    /// The open parent directory of `path` and its last component; nil where the parent doesn't exist.
    func openParent(of path: String) throws(ProvisionError) -> (Int32, String)? {
        let name = path.split(separator: "/").last.map(String.init) ?? "."
        guard name != ".." else { throw ProvisionError(.failed, "\"\(path)\" is not a path in a root") }
        let parent = resolve(parentPath(of: path), UInt64(O_DIRECTORY | O_RDONLY))
        if parent < 0, errno == ENOENT || errno == ENOTDIR { return nil }
        return (try check(parent, "open the directory of", shown(path)), name)
    }

    private func parentPath(of path: String) -> String {
        "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// `path` with a link as its last component followed (at most 40 times), as a path in the root.
    private func followed(_ path: String) throws(ProvisionError) -> String {
        var path = path
        for _ in 0..<40 {
            guard let target = try linkTarget(path) else { return path }
            path = target.hasPrefix("/") ? target : parentPath(of: path) + "/" + target
        }
        throw ProvisionError(.failed, "too many links at \"\(shown(path))\"")
    }

    private func copyAttributes(of path: String, to file: Int32) throws(ProvisionError) {
        let source = try check(resolve(path, UInt64(O_RDONLY | O_NONBLOCK)), "open", shown(path))
        defer { close(source) }
        var names = [CChar](repeating: 0, count: 65536)
        let count = flistxattr(source, &names, names.count)
        if count <= 0 { return }
        for name in names[..<count].split(separator: 0) {
            let name = Array(name) + [0]
            var value = [UInt8](repeating: 0, count: 65536)
            let size = fgetxattr(source, name, &value, value.count)
            if size < 0 { continue }
            // A security module may refuse its own label: the new file then has the default one.
            _ = fsetxattr(file, name, value, size, 0)
        }
    }

    func shown(_ path: String) -> FilePath {
        FilePath(self.path.string + (path.hasPrefix("/") ? path : "/" + path))
    }
}
