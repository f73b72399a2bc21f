internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A machine's console output on disk: at most two files of `limit` bytes each, the older one with the suffix `.1`.
final class ConsoleLog {
    private let path: FilePath
    private let limit: Int
    private var descriptor: Int32
    private var size: Int

    /// Appends to what is there.
    init(_ path: FilePath, limit: Int = 8 << 20) throws(ProvisionError) {
        self.path = path
        self.limit = limit
        descriptor = try ConsoleLog.opened(path)
        size = Int(max(0, lseek(descriptor, 0, SEEK_END)))
    }

    deinit { close(descriptor) }

    /// - Throws: `.failed` where the file system refuses it; the caller may go on without a log.
    func append(_ bytes: ArraySlice<UInt8>) throws(ProvisionError) {
        if size > 0, size + bytes.count > limit {
            try check(rename(path.string, path.string + ".1"), "rotate", path)
            close(descriptor)
            descriptor = try ConsoleLog.opened(path)
            size = 0
        }
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            rest = rest.dropFirst(try check(count, "write", path))
        }
        size += bytes.count
    }

    private static func opened(_ path: FilePath) throws(ProvisionError) -> Int32 {
        try check(open(path.string, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600), "open", path)
    }
}
