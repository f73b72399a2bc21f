internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// Whole-file and whole-tree operations on paths of ours (state and cache). Paths inside a root go through `RootedDirectory`.
public enum Files {
    /// Reads a whole file of at most `limit` bytes.
    public static func read(_ path: FilePath, limit: Int = 64 << 20) throws(ProvisionError) -> [UInt8] {
        let descriptor = try check(open(path.string, O_RDONLY | O_CLOEXEC), "read", path)
        defer { close(descriptor) }
        return try read(descriptor: descriptor, path: path, limit: limit)
    }

    public static func readText(_ path: FilePath, limit: Int = 64 << 20) throws(ProvisionError) -> String {
        String(decoding: try read(path, limit: limit), as: UTF8.self)
    }

    /// nil where the file doesn't exist; other failures throw.
    public static func readIfPresent(_ path: FilePath, limit: Int = 64 << 20) throws(ProvisionError) -> [UInt8]? {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT || errno == ENOTDIR { return nil }
        try check(descriptor, "read", path)
        defer { close(descriptor) }
        return try read(descriptor: descriptor, path: path, limit: limit)
    }

    static func read(descriptor: Int32, path: FilePath, limit: Int) throws(ProvisionError) -> [UInt8] {
        var result: [UInt8] = []
        var status = stat()
        // One byte more than it has, so that the end is seen; pipes and files of /proc say 0.
        let expected = fstat(descriptor, &status) == 0 ? Int(clamping: status.st_size) + 1 : 0
        var size = max(4096, min(expected, limit + 1))
        while true {
            var failure: Int32 = 0
            var count = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: size) { room, filled in
                count = Glibc.read(descriptor, room.baseAddress, room.count)
                failure = errno
                filled = max(0, count)
            }
            if count < 0 && failure == EINTR { continue }
            errno = failure
            try check(count, "read", path)
            if count == 0 { return result }
            if result.isEmpty { result = chunk } else { result += chunk }
            guard result.count <= limit else {
                throw ProvisionError(.failed, "\"\(path)\" is larger than \(limit) bytes")
            }
            size = 65536
        }
    }

    /// Writes a file whole or not at all, replacing one that is there; its mode is `mode`, whatever the umask.
    public static func write(_ bytes: [UInt8], to path: FilePath, mode: UInt32 = 0o644) throws(ProvisionError) {
        var file = try OutputFile(path)
        try write(bytes[...], to: file.descriptor.rawValue, path: path)
        try file.commit(mode: mode)
    }

    /// Writes all of `bytes` to an open file; `path` is for messages.
    public static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, path: FilePath) throws(ProvisionError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            rest = rest.dropFirst(try check(count, "write", path))
        }
    }

    public static func write(_ text: String, to path: FilePath, mode: UInt32 = 0o644) throws(ProvisionError) {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    /// Makes a directory and its parents; an existing one is fine.
    public static func makeDirectory(_ path: FilePath, mode: UInt32 = 0o755) throws(ProvisionError) {
        if mkdir(path.string, mode) == 0 { return }
        switch errno {
        case EEXIST where isDirectory(path): return
        case ENOENT where !path.removingLastComponent().isEmpty:
            try makeDirectory(path.removingLastComponent(), mode: 0o755)
            if mkdir(path.string, mode) == 0 || errno == EEXIST { return }
        default: break
        }
        throw systemError("make the directory", path)
    }

    public static func exists(_ path: FilePath) -> Bool {
        var status = stat()
        return lstat(path.string, &status) == 0
    }

    public static func isDirectory(_ path: FilePath) -> Bool {
        var status = stat()
        return stat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Names in a directory, sorted by bytes, without `.` and `..`; empty where it doesn't exist.
    public static func names(in path: FilePath) throws(ProvisionError) -> [String] {
        guard let stream = opendir(path.string) else {
            if errno == ENOENT { return [] }
            throw systemError("list", path)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Removes a file or a whole tree without following links or crossing into other file systems; what is gone already is fine.
    public static func remove(_ path: FilePath) throws(ProvisionError) {
        let name = path.lastComponent?.string ?? path.string
        let parent = open(
            path.removingLastComponent().isEmpty ? "." : path.removingLastComponent().string, O_DIRECTORY | O_RDONLY | O_CLOEXEC
        )
        if parent < 0, errno == ENOENT { return }
        try check(parent, "open", path.removingLastComponent())
        defer { close(parent) }
        var status = stat()
        guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return }
            throw systemError("remove", path)
        }
        try removeEntry(name, in: parent, isDirectory: status.st_mode & S_IFMT == S_IFDIR, device: status.st_dev, path: path)
    }

    /// Names are taken as the kernel gives them: not all are UTF-8.
    private static func removeEntry(
        _ name: UnsafePointer<CChar>, in parent: Int32, isDirectory: Bool, device: UInt, path: FilePath
    ) throws(ProvisionError) {
        guard isDirectory else {
            if unlinkat(parent, name, 0) == 0 || errno == ENOENT { return }
            throw systemError("remove", path)
        }
        let flags = O_DIRECTORY | O_RDONLY | O_NOFOLLOW | O_CLOEXEC
        var directory = openat(parent, name, flags)
        if directory < 0, errno == EACCES, fchmodat(parent, name, 0o700, 0) == 0 {
            // An own one that nobody may look into, as overlayfs makes them.
            directory = openat(parent, name, flags)
        }
        if directory < 0, errno == ENOENT { return }
        try check(directory, "open", path)
        guard let stream = fdopendir(directory) else {
            close(directory)
            throw systemError("list", path)
        }
        defer { closedir(stream) }
        var status = stat()
        guard fstat(directory, &status) == 0, status.st_dev == device else {
            throw ProvisionError(.failed, "cannot remove \"\(path)\": something is mounted there")
        }
        while let entry = readdir(stream) {
            let type = entry.pointee.d_type
            // Points into the entry, which stays as it is until this stream is read again.
            let child = UnsafeRawPointer(entry).advanced(by: MemoryLayout<dirent>.offset(of: \.d_name)!)
                .assumingMemoryBound(to: CChar.self)
            if strcmp(child, ".") == 0 || strcmp(child, "..") == 0 { continue }
            try removeEntry(
                child, in: directory, isDirectory: type == UInt8(DT_DIR), device: device,
                path: path.appending(String(cString: child)))
        }
        if unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
        throw systemError("remove", path)
    }

    /// Makes a new file with another's bytes, sharing its blocks where the file system can (reflink).
    public static func copyContents(_ from: FilePath, to: FilePath) throws(ProvisionError) {
        // Names are bytes: `string` would repair what is no UTF-8.
        let source = try check(from.withPlatformString { open($0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }, "read", from)
        defer { close(source) }
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let target = try check(to.withPlatformString { open($0, flags, 0o600) }, "write", to)
        defer { close(target) }
        try copyContents(source, to: target, path: to)
    }

    /// The same into an empty file that is open for writing.
    public static func copyContents(of from: FilePath, to target: FileDescriptor) throws(ProvisionError) {
        let source = try check(from.withPlatformString { open($0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }, "read", from)
        defer { close(source) }
        try copyContents(source, to: target.rawValue, path: from)
    }

    private static func copyContents(_ source: Int32, to target: Int32, path: FilePath) throws(ProvisionError) {
        if provision_reflink(target, source) == 0 { return }
        var status = stat()
        try check(fstat(source, &status), "look at", path)
        guard let data = Holes.data(of: FileDescriptor(rawValue: source), size: UInt64(status.st_size)) else {
            // To its end, wherever that is: files of the kernel's have content and no size.
            return try copy(source, 0..<off_t.max, to: target, path)
        }
        try check(ftruncate(target, status.st_size), "lengthen", path)
        for range in data { try copy(source, off_t(range.lowerBound)..<off_t(range.upperBound), to: target, path) }
    }

    private static func copy(
        _ source: Int32, _ range: Range<off_t>, to target: Int32, _ path: FilePath
    ) throws(ProvisionError) {
        try check(lseek(target, range.lowerBound, SEEK_SET), "copy to", path)
        try check(lseek(source, range.lowerBound, SEEK_SET), "read", path)
        try send(source, range.count, to: target, path)
    }

    private static func send(_ source: Int32, _ count: Int, to target: Int32, _ path: FilePath) throws(ProvisionError) {
        var rest = count
        while rest > 0 {
            let count = sendfile(target, source, nil, min(rest, 1 << 24))
            if count < 0 && errno == EINTR { continue }
            if try check(count, "copy to", path) == 0 { return }
            rest -= count
        }
    }

    /// Flushes the file system that holds `path`: the one sync of a commit.
    public static func syncFileSystem(holding path: FilePath) throws(ProvisionError) {
        let descriptor = try check(open(path.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", path)
        defer { close(descriptor) }
        try check(provision_syncfs(descriptor), "sync the file system of", path)
    }

    /// Brings a directory's own entries to the disk: what was renamed into it has its name for good.
    public static func syncDirectory(_ path: FilePath) throws(ProvisionError) {
        let descriptor = try check(open(path.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", path)
        defer { close(descriptor) }
        try check(fsync(descriptor), "sync", path)
    }

    /// Renames within one file system; refuses to replace what exists.
    public static func renameExclusively(_ from: FilePath, to: FilePath) throws(ProvisionError) {
        let result = provision_renameat2(AT_FDCWD, from.string, AT_FDCWD, to.string, PROVISION_RENAME_NOREPLACE)
        guard result == 0 else {
            if errno == EEXIST || errno == ENOTEMPTY {
                throw ProvisionError(.conflict, "\"\(to)\" exists already")
            }
            throw systemError("rename \"\(from)\" to", to)
        }
    }

    /// Swaps two names within one file system, both of which exist: at every moment each shows something whole.
    public static func exchange(_ one: FilePath, _ other: FilePath) throws(ProvisionError) {
        try check(
            provision_renameat2(AT_FDCWD, one.string, AT_FDCWD, other.string, PROVISION_RENAME_EXCHANGE),
            "exchange \"\(one)\" with", other)
    }

    /// The path with links, `.` and `..` resolved; it must exist.
    public static func canonical(_ path: FilePath) throws(ProvisionError) -> FilePath {
        guard let resolved = realpath(path.string, nil) else { throw systemError("find", path) }
        defer { free(resolved) }
        return FilePath(String(cString: resolved))
    }

    /// The plain file that a word of a person's names or will name, links followed: what may be replaced as a whole. A directory passes.
    ///
    /// - Throws: `.usage` for a device, a FIFO and the like, which a rename would destroy.
    public static func replaceable(_ word: String) throws(ProvisionError) -> FilePath {
        let path = absolute(FilePath(word))
        var status = stat()
        if stat(path.string, &status) != 0 {
            guard errno == ENOENT, lstat(path.string, &status) != 0 else {
                throw ProvisionError(.usage, "\"\(word)\" is a link that leads to nothing", hint: "name the file itself")
            }
            return path
        }
        guard [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else {
            throw ProvisionError(
                .usage, "\"\(word)\" is no plain file", hint: "write to standard output, and lead that there: -o - > \(word)")
        }
        return try canonical(path)
    }

    /// An absolute form without touching the file system's links.
    public static func absolute(_ path: FilePath) -> FilePath {
        if path.isAbsolute { return path.lexicallyNormalized() }
        guard let buffer = getcwd(nil, 0) else { return path }
        defer { free(buffer) }
        return FilePath(String(cString: buffer)).pushing(path).lexicallyNormalized()
    }
}
