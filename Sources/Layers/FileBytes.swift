internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

extension FileDescriptor {
    /// Reads `count` bytes from `offset` on, fewer at the end of the file only.
    func readFully(
        _ buffer: UnsafeMutableRawPointer, _ count: Int, at offset: UInt64
    ) throws(ProvisionError) -> Int {
        var done = 0
        while done < count {
            let read = Glibc.pread(rawValue, buffer + done, count - done, off_t(offset) + off_t(done))
            if read < 0, errno == EINTR { continue }
            if try check(read, "read", "descriptor \(rawValue)") == 0 { break }
            done += read
        }
        return done
    }
}

/// Whether the regular files at a path in two trees hold the same bytes.
func sameBytes(_ path: TreePath, _ one: FilePath, _ other: FilePath) throws(ProvisionError) -> Bool {
    let length = 1 << 16
    let buffers = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * length, alignment: 4096)
    defer { buffers.deallocate() }
    let first = try open(path, in: one)
    defer { close(first.rawValue) }
    let second = try open(path, in: other)
    defer { close(second.rawValue) }
    var offset: UInt64 = 0
    while true {
        let count = try first.readFully(buffers.baseAddress!, length, at: offset)
        guard try second.readFully(buffers.baseAddress! + length, length, at: offset) == count,
            memcmp(buffers.baseAddress!, buffers.baseAddress! + length, count) == 0
        else { return false }
        if count < length { return true }
        offset += UInt64(count)
    }
}

private func open(_ path: TreePath, in tree: FilePath) throws(ProvisionError) -> FileDescriptor {
    try withHostPathOf(path, in: tree) { (host) throws(ProvisionError) in
        FileDescriptor(
            rawValue: try check(
                Glibc.open(host, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", String(cString: host)))
    }
}
