internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// A copy of a mount that is attached nowhere yet: it appears where and when `attach` says, and goes with the value otherwise.
///
/// See open_tree(2) and move_mount(2). Unlike a bind mount by path it can be attached from inside a chroot that its source
/// can't be named from.
public struct DetachedMount: ~Copyable {
    private let descriptor: Int32

    /// Copies the mount at an open directory, with all mounts below it when `recursive`.
    public init(cloning directory: FileDescriptor, recursive: Bool = false) throws(ProvisionError) {
        descriptor = try check(
            provision_clone_mount(directory.rawValue, recursive ? 1 : 0), "copy the mount at",
            "descriptor \(directory.rawValue)")
    }

    /// Copies the mount at `directory`; links are followed.
    public init(cloning directory: FilePath, recursive: Bool = false) throws(ProvisionError) {
        let opened = try check(open(directory.string, PROVISION_O_PATH | O_DIRECTORY | O_CLOEXEC), "open", directory)
        defer { close(opened) }
        descriptor = try check(provision_clone_mount(opened, recursive ? 1 : 0), "copy the mount at", directory)
    }

    /// Takes over one that another process of ours has made.
    public init(taking descriptor: FileDescriptor) { self.descriptor = descriptor.rawValue }

    deinit { close(descriptor) }

    /// Lends its descriptor, to be sent to another process.
    public func withDescriptor<Result>(
        _ body: (FileDescriptor) throws(ProvisionError) -> Result
    ) throws(ProvisionError) -> Result {
        try body(FileDescriptor(rawValue: descriptor))
    }

    /// Shows the tree's owners through a map: number N of the tree is `map`'s base + N outside. Linux 5.12 or newer, and a file
    /// system that can do it.
    public func show(through map: borrowing UserMap) throws(ProvisionError) {
        guard provision_map_mount(descriptor, map.descriptor) == 0 else {
            let number = errno
            throw systemError(
                "map the owners of", "a mounted tree", errno: number,
                hint: "the kernel or the file system of the state knows no id-mapped mounts: leave out --private-users")
        }
    }

    /// Attaches it over `target`, a directory that must not be a link.
    public consuming func attach(at target: FilePath) throws(ProvisionError) {
        let opened = try check(
            open(target.string, PROVISION_O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open", target)
        defer { close(opened) }
        try check(provision_attach_mount(descriptor, opened), "mount at", target)
    }
}

/// 65536 users and groups from `base` on, as a user namespace that nothing runs in.
public struct UserMap: ~Copyable {
    public static let count: UInt32 = 65536
    public let base: UInt32
    let descriptor: Int32

    /// - Throws: `.unsupported` without the privilege, `.failed` where the kernel makes no user namespace.
    public init(base: UInt32) throws(ProvisionError) {
        descriptor = try check(
            provision_make_user_namespace(base, UserMap.count), "make", "a user namespace for users from \(base) on")
        self.base = base
    }

    deinit { close(descriptor) }
}

/// Makes a directory the root of this process and of its mount namespace; nothing outside of it can be reached by path afterwards.
///
/// `path` must be a mount point, and mounts must not be shared with another namespace. Where the current root can't be
/// pivoted (an initramfs), it is covered instead, as switch_root(8) does.
public func switchRoot(to path: FilePath) throws(ProvisionError) {
    try check(chdir(path.string), "enter", path)
    if provision_pivot_root(".", ".") == 0 {
        try check(provision_unmount(".", PROVISION_MNT_DETACH), "unmount the old root above", path)
    } else {
        guard errno == EINVAL else { throw systemError("make the root directory of", path) }
        try check(provision_mount(".", "/", nil, PROVISION_MS_MOVE, nil), "move to / the mount at", path)
        try check(chroot("."), "change the root to", path)
    }
    try check(chdir("/"), "enter", "/")
}

/// Makes every mount of this process's namespace read-only for it; the files stay writable elsewhere. Linux 5.12 or newer.
public func makeAllMountsReadOnly() throws(ProvisionError) {
    guard provision_make_mounts_read_only("/") == 0 else {
        let number = errno
        throw systemError(
            "make read-only what is mounted below", "/", errno: number,
            hint: number == ENOSYS ? "Linux 5.12 or newer is needed" : nil)
    }
}

/// A new file in memory with `bytes` in it, positioned at its start; the caller closes it.
public func memoryFile(_ name: String, holding bytes: [UInt8]) throws(ProvisionError) -> FileDescriptor {
    let descriptor = try check(provision_memory_file(name), "make a file in memory", name)
    do {
        try Files.write(bytes[...], to: descriptor, path: FilePath(name))
        try check(lseek(descriptor, 0, SEEK_SET), "rewind", name)
    } catch {
        close(descriptor)
        throw error
    }
    return FileDescriptor(rawValue: descriptor)
}
