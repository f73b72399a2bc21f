internal import Glibc
public import SystemPackage

extension Files {
    /// Bytes of a regular file (links followed); nil where none is there.
    public static func size(_ path: FilePath) -> UInt64? {
        var status = stat()
        guard stat(path.string, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(status.st_size)
    }
}
