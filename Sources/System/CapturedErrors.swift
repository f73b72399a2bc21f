internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// What a child writes to its standard error, kept in memory so that nobody has to read along.
public struct CapturedErrors: ~Copyable {
    public let descriptor: FileDescriptor

    public init() throws(ProvisionError) {
        descriptor = FileDescriptor(
            rawValue: try check(provision_memory_file("standard error"), "make", "a buffer"))
    }

    deinit { close(descriptor.rawValue) }

    /// Whether nothing was written so far.
    public var isEmpty: Bool { lseek(descriptor.rawValue, 0, SEEK_END) == 0 }

    /// The first `limit` lines of the first 4 KiB.
    public func lines(limit: Int = 3) -> [String] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = pread(descriptor.rawValue, &buffer, buffer.count, 0)
        return String(decoding: buffer[..<max(0, count)], as: UTF8.self).split(separator: "\n").prefix(limit).map(String.init)
    }
}
