internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// A directory of this host seen through a read-only mount that is attached nowhere.
///
/// A file opened here can't be written to by way of its descriptor, by whoever gets hold of it: /proc/PID/fd/N leads to the
/// same mount.
public final class ReadOnlyDirectory {
    public let path: FilePath
    private let mount: Int32

    /// Needs root and Linux 5.12. Mounts below the directory don't show.
    public init(_ path: FilePath) throws(ProvisionError) {
        self.path = path
        let opened = try check(open(path.string, PROVISION_O_PATH | O_DIRECTORY | O_CLOEXEC), "open", path)
        defer { close(opened) }
        mount = try check(provision_clone_mount(opened, 0), "copy the mount at", path)
        guard provision_make_mount_read_only(mount) == 0 else {
            let number = errno
            close(mount)
            throw systemError(
                "make read-only a copy of", path, errno: number,
                hint: number == ENOSYS ? "Linux 5.12 or newer is needed" : nil)
        }
    }

    deinit { close(mount) }

    /// Opens a file below the directory for reading; the caller closes it. nil where there is none.
    public func openIfPresent(_ file: FilePath) throws(ProvisionError) -> FileDescriptor? {
        guard file.starts(with: path) else {
            throw ProvisionError(.failed, "\"\(file)\" is not below \"\(path)\"")
        }
        var relative = file
        _ = relative.removePrefix(path)
        let opened = openat(mount, relative.string, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        if opened < 0, errno == ENOENT { return nil }
        return FileDescriptor(rawValue: try check(opened, "open", file))
    }
}
