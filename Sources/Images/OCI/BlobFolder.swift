internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// Blobs by digest in a folder, as an OCI layout and our cache of registries have them: `sha256/HEX`.
struct BlobFolder: Sendable {
    let path: FilePath

    init(_ path: FilePath) throws(ProvisionError) {
        self.path = path
        try Files.makeDirectory(path.appending("sha256"))
    }

    func file(of digest: ContentDigest) -> FilePath { path.appending(digest.algorithm.rawValue).appending(digest.hex) }

    /// Whether a blob is here as its name says.
    func isIntact(_ digest: ContentDigest) throws(ProvisionError) -> Bool {
        guard Files.exists(file(of: digest)) else { return false }
        return try System.digest(ofFileAt: file(of: digest), algorithm: digest.algorithm).digest == digest
    }

    func newFile() throws(ProvisionError) -> NewBlob { try NewBlob(in: path.appending("sha256")) }

    /// Gives what was written to a new file the name of its digest.
    func keep(_ file: NewBlob, mediaType: String) throws(ProvisionError) -> OCI.Descriptor {
        let (digest, size) = try digest(of: file.descriptor, path: file.path)
        try check(fchmod(file.descriptor.rawValue, 0o644), "set the mode of", file.path)
        guard rename(file.path.string, self.file(of: digest).string) == 0 else {
            throw systemError("write", self.file(of: digest))
        }
        return OCI.Descriptor(mediaType: mediaType, digest: digest, size: size)
    }

    func add(_ bytes: [UInt8], mediaType: String) throws(ProvisionError) -> OCI.Descriptor {
        let digest = sha256(of: bytes)
        try Files.write(bytes, to: file(of: digest))
        return OCI.Descriptor(mediaType: mediaType, digest: digest, size: UInt64(bytes.count))
    }
}

/// A blob whose digest isn't known yet; gone with the value unless it was kept.
final class NewBlob {
    let descriptor: FileDescriptor
    let path: FilePath

    init(in directory: FilePath) throws(ProvisionError) {
        var template = Array(directory.appending(".new-XXXXXX").string.utf8CString)
        let file = mkstemp(&template)
        guard file >= 0, fcntl(file, F_SETFD, FD_CLOEXEC) == 0 else { throw systemError("write a file in", directory) }
        descriptor = FileDescriptor(rawValue: file)
        path = FilePath(platformString: template)
    }

    deinit {
        close(descriptor.rawValue)
        // Renamed by then, where it was kept.
        unlink(path.string)
    }
}
