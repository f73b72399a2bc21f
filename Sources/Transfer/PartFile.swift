internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// The file that grows beside a destination until it is complete: `destination` + `.part`.
///
/// What an interrupted transfer left there is taken up again, its digest computed anew. A lock on it keeps two processes from
/// writing to one file; the kernel frees it when the process dies.
final class PartFile {
    let path: FilePath
    private let destination: FilePath
    private var descriptor: Int32
    private let owner = getpid()
    private let algorithm: ContentDigest.Algorithm
    private var digester: Digester
    private(set) var size: UInt64 = 0

    private init(path: FilePath, destination: FilePath, descriptor: Int32, digester: Digester) {
        self.path = path
        self.destination = destination
        self.descriptor = descriptor
        self.algorithm = digester.algorithm
        self.digester = digester
    }

    deinit { FileLock.close(descriptor, of: owner) }

    /// Opens or makes it; nil while another process (or another request) writes to it.
    ///
    /// - Parameter keep: whether bytes that are there already count.
    static func open(
        for destination: FilePath, algorithm: ContentDigest.Algorithm, keep: Bool
    ) throws(ProvisionError) -> PartFile? {
        try Files.makeDirectory(destination.removingLastComponent())
        let path = FilePath(destination.string + TransferRequest.partSuffix)
        let digester = try Digester(algorithm)
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
        var descriptor = Glibc.open(path.string, flags, 0o644)
        if descriptor < 0, errno == ELOOP {
            // Nobody needs a link here: it is taken away, and what it leads to isn't touched.
            try Files.remove(path)
            descriptor = Glibc.open(path.string, flags, 0o644)
        }
        try check(descriptor, "write", path)
        let part = PartFile(path: path, destination: destination, descriptor: descriptor, digester: digester)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            if errno == EWOULDBLOCK { return nil }
            throw systemError("lock", path)
        }
        // Whoever held the lock before may have renamed the file meanwhile: then what we hold is no part any more.
        var opened = stat()
        var present = stat()
        guard fstat(descriptor, &opened) == 0, lstat(path.string, &present) == 0, opened.st_ino == present.st_ino else {
            return nil
        }
        if keep { try part.digestWhatIsThere() } else { try check(ftruncate(descriptor, 0), "shorten", path) }
        return part
    }

    private func digestWhatIsThere() throws(ProvisionError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            try Interruption.check()
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 && errno == EINTR { continue }
            try check(count, "read", path)
            if count == 0 { return }
            digester.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            size += UInt64(count)
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(ProvisionError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = write(descriptor, rest.base.baseAddress! + rest.startIndex, rest.count)
            if count < 0 && errno == EINTR { continue }
            rest = rest.dropFirst(try check(count, "write", path))
        }
        digester.update(bytes)
        size += UInt64(bytes.count)
    }

    /// Forgets all bytes. A file that was opened meanwhile keeps them: they are never mixed with what comes now.
    func restart() throws(ProvisionError) {
        if size == 0 { return }
        let neighbour = OutputFile.neighbour(of: path)
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let fresh = try check(Glibc.open(neighbour.string, flags, 0o644), "write", neighbour)
        guard flock(fresh, LOCK_EX | LOCK_NB) == 0, rename(neighbour.string, path.string) == 0 else {
            let error = systemError("write", path)
            unlink(neighbour.string)
            close(fresh)
            throw error
        }
        FileLock.close(descriptor, of: owner)
        descriptor = fresh
        digester = try Digester(algorithm)
        size = 0
    }

    var digest: ContentDigest { digester.finalize() }

    /// Gives it its final name.
    func commit() throws(ProvisionError) {
        try check(rename(path.string, destination.string), "write", destination)
    }

    /// Removes it: for content that nothing can be resumed from.
    func discard() { unlink(path.string) }
}
