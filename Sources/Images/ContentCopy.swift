internal import Diagnostics
internal import Glibc
internal import Layers
internal import Model
internal import System
internal import SystemPackage

extension Tree {
    /// Copies a file's bytes into an archive; their sha256.
    ///
    /// - Throws: `.failed` where it became shorter since the tree was scanned.
    func copyContent(of entry: TreeEntry, to output: inout ArchiveOutput) throws(ProvisionError) -> ContentDigest {
        let path = place(of: entry)
        let file = FileDescriptor(
            rawValue: try withHostPath(entry.path) { (host) throws(ProvisionError) in
                try check(open(host, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", path)
            })
        defer { close(file.rawValue) }
        var digester = Digester.sha256
        try copyBytes(entry.size, of: file, path, to: &output, &digester)
        return digester.finalize()
    }
}

/// Copies the next `count` bytes of an open file into an archive and a digest.
///
/// - Throws: `.failed` where there are fewer.
func copyBytes(
    _ count: UInt64, of file: FileDescriptor, _ path: some CustomStringConvertible, to output: inout ArchiveOutput,
    _ digester: inout Digester
) throws(ProvisionError) {
    var rest = Int(count)
    while rest > 0, !output.isBroken {
        let count = try output.write(atMost: rest) { (room) throws(ProvisionError) in
            while true {
                let count = read(file.rawValue, room.baseAddress, room.count)
                if count < 0 && errno == EINTR {
                    try Interruption.check()
                    continue
                }
                try check(count, "read", path)
                digester.update(UnsafeRawBufferPointer(rebasing: room[..<count]))
                return count
            }
        }
        // The header has said how many bytes follow.
        guard count > 0 else { throw ProvisionError(.failed, "\"\(path)\" became shorter while it was packed") }
        rest -= count
    }
}
