internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// A file being written that has no name until it is whole, so that even SIGKILL leaves nothing behind.
///
/// Where the file system has no unnamed files (O_TMPFILE), a neighbour stands in, which only SIGKILL leaves.
public struct OutputFile: ~Copyable {
    public let descriptor: FileDescriptor
    private let path: FilePath
    /// The neighbour while there is one.
    private var temporary: FilePath?

    /// Begins a file that will be `path`. Its directory must exist.
    public init(_ path: FilePath) throws(ProvisionError) {
        self.path = Files.absolute(path)
        let directory = self.path.removingLastComponent()
        let unnamed = open(directory.string, PROVISION_O_TMPFILE | O_RDWR | O_CLOEXEC, 0o600)
        if unnamed >= 0 {
            descriptor = FileDescriptor(rawValue: unnamed)
            return
        }
        guard errno == EOPNOTSUPP || errno == EISDIR else { throw systemError("write", self.path) }
        let neighbour = OutputFile.neighbour(of: self.path)
        descriptor = FileDescriptor(
            rawValue: try check(
                open(neighbour.string, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600), "write", neighbour))
        temporary = neighbour
    }

    /// Gives the file its mode (nil: what the umask leaves of 0666) and its name, replacing a file that is there.
    public mutating func commit(mode: UInt32? = nil) throws(ProvisionError) {
        try check(fchmod(descriptor.rawValue, mode ?? OutputFile.usualMode), "set the mode of", path)
        if temporary == nil {
            // linkat refuses to replace, rename does not: by way of a neighbour, which lives for microseconds.
            let neighbour = OutputFile.neighbour(of: path)
            try check(link(to: neighbour), "write", path)
            temporary = neighbour
        }
        guard let temporary, rename(temporary.string, path.string) == 0 else { throw systemError("write", path) }
        self.temporary = nil
    }

    deinit {
        if let temporary { unlink(temporary.string) }
        close(descriptor.rawValue)
    }

    private static var usualMode: mode_t {
        let mask = umask(0)
        umask(mask)
        return 0o666 & ~mask
    }

    /// Names the unnamed file. Without privileges that takes /proc, with them it works where /proc is missing too.
    private func link(to neighbour: FilePath) -> Int32 {
        let file = descriptor.rawValue
        if linkat(file, "", AT_FDCWD, neighbour.string, PROVISION_AT_EMPTY_PATH) == 0 { return 0 }
        return linkat(AT_FDCWD, "/proc/self/fd/\(file)", AT_FDCWD, neighbour.string, AT_SYMLINK_FOLLOW)
    }

    /// A name that is free: what bears it is from a process that died, of the same number in another pid namespace, say.
    /// CacheSweep knows them by this form.
    public static func neighbour(of path: FilePath) -> FilePath {
        let neighbour = FilePath("\(path).new-\(getpid())")
        unlink(neighbour.string)
        return neighbour
    }
}
