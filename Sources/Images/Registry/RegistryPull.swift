internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Model
internal import System
internal import SystemPackage
internal import Transfer

/// Fetches manifests and blobs of a repository, each checked against its digest.
struct RegistryPull {
    let session: RegistrySession
    /// Where blobs are kept.
    let blobs: BlobFolder
    let progress: any ProgressSink

    private static let accepted = (OCI.MediaType.manifests.sorted() + OCI.MediaType.indexes.sorted()).joined(separator: ", ")

    /// A manifest or an index, by tag or digest.
    func document(_ reference: String, expected: OCI.Descriptor? = nil) throws(ProvisionError) -> (
        bytes: [UInt8], mediaType: String
    ) {
        let answer = try answer(reference, accepted: [200])
        let found = sha256(of: answer.body)
        let wanted = expected?.digest ?? ContentDigest(reference)
        guard wanted == nil || wanted == found else {
            throw ProvisionError(
                .verification, "\"\(session.reference)\" answers with another manifest than was asked for",
                causes: ["asked for \(wanted?.description ?? "")", "it is \(found)"])
        }
        return (answer.body, RegistryPull.mediaType(of: answer))
    }

    /// What a tag is now; nil where there is none.
    func documentIfPresent(_ tag: String) throws(ProvisionError) -> (bytes: [UInt8], mediaType: String)? {
        let answer = try answer(tag, accepted: [200, 404])
        return answer.status == 200 ? (answer.body, RegistryPull.mediaType(of: answer)) : nil
    }

    private func answer(_ reference: String, accepted: Set<Int>) throws(ProvisionError) -> HTTPAnswer {
        try session.perform(
            "GET", "manifests/\(reference)", headers: [("Accept", RegistryPull.accepted)], limit: OCIUnpacker.manifestLimit,
            accepted: accepted)
    }

    private static func mediaType(of answer: HTTPAnswer) -> String {
        let said = (answer.header("content-type") ?? "").prefix { $0 != ";" }
        return said.filter { $0 != " " }
    }

    /// The image's manifest for this platform.
    func manifest(arch: String) throws -> (manifest: OCI.Manifest, digest: ContentDigest) {
        let name = session.reference.description
        let (bytes, mediaType) = try document(session.reference.reference)
        guard OCI.MediaType.indexes.contains(mediaType) else { return (try decode(bytes), sha256(of: bytes)) }
        let descriptor = try OCIPlatforms(image: name).choose(from: try decode(bytes), arch: arch) { nested in
            try decode(try document(nested.digest.description, expected: nested).bytes)
        }
        return (try decode(try document(descriptor.digest.description, expected: descriptor).bytes), descriptor.digest)
    }

    func decode<Document: Decodable>(_ bytes: [UInt8]) throws -> Document {
        do { return try JSONDecoder().decode(Document.self, from: Data(bytes)) } catch {
            throw ProvisionError(
                .verification, "\"\(session.reference)\" answers with something that is no manifest", causes: ["\(error)"])
        }
    }

    /// Brings a blob into the folder, going on where an earlier call was cut off; where it lies. `downloaded` is told of bytes.
    ///
    /// - Throws: `.verification` where it isn't what its descriptor says: then nothing of it stays.
    func blob(_ descriptor: OCI.Descriptor, downloaded: (UInt64) -> Void = { _ in }) throws(ProvisionError) -> FilePath {
        guard descriptor.digest.algorithm == .sha256 || descriptor.digest.algorithm == .sha512 else {
            throw ProvisionError(
                .verification, "\"\(session.reference)\" names a blob by \(descriptor.digest.algorithm.rawValue)")
        }
        let file = blobs.file(of: descriptor.digest)
        try Files.makeDirectory(file.removingLastComponent())
        if Files.exists(file) {
            if try digest(ofFileAt: file, algorithm: descriptor.digest.algorithm).digest == descriptor.digest {
                return file
            }
            try Files.remove(file)
        }
        let part = FilePath(file.string + ".part")
        let lock = try FileLock.acquire(FilePath(file.string + ".lock"), words: "pulling \(session.reference)") { [progress] in
            progress.detail("waiting for another run that fetches the same: \($0)")
        }
        defer { unlink(lock.path.string) }
        if Files.exists(file) { return file }
        let opened = FileDescriptor(
            rawValue: try check(open(part.string, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600), "write", part))
        defer { close(opened.rawValue) }
        var failures = 0
        while true {
            var offset = UInt64(max(0, lseek(opened.rawValue, 0, SEEK_END)))
            if offset > descriptor.size { offset = 0 }
            if offset == descriptor.size { break }
            var received: UInt64 = 0
            do throws(ProvisionError) {
                try fetch(descriptor, from: offset, into: opened, part, &received, downloaded)
                break
            } catch {
                failures += 1
                guard error.code == .unreachable, received > 0, failures <= 20 else { throw error }
                progress.detail("\(error.message); going on from there")
            }
        }
        let found = try digest(of: opened, path: part, algorithm: descriptor.digest.algorithm)
        guard found.digest == descriptor.digest, found.size == descriptor.size else {
            unlink(part.string)
            throw ProvisionError(
                .verification, "\"\(session.reference)\" delivers another blob than its manifest names",
                causes: [
                    "it names \(descriptor.digest), \(descriptor.size) bytes",
                    "it delivers \(found.digest), \(found.size) bytes",
                ])
        }
        guard rename(part.string, file.string) == 0 else { throw systemError("write", file) }
        return file
    }

    private func fetch(
        _ descriptor: OCI.Descriptor, from offset: UInt64, into file: FileDescriptor, _ path: FilePath,
        _ received: inout UInt64, _ downloaded: (UInt64) -> Void
    ) throws(ProvisionError) {
        var start = offset
        var count: UInt64 = 0
        defer { received = count }
        let range = offset > 0 ? [("Range", "bytes=\(offset)-")] : []
        try withoutActuallyEscaping(downloaded) { (downloaded) throws(ProvisionError) in
            _ = try session.perform(
                "GET", "blobs/\(descriptor.digest)", headers: range, limit: descriptor.size, accepted: [200, 206],
                sink: { (bytes, status) throws(ProvisionError) in
                    if status == 200, start > 0 {
                        // In answer to a range: it can't go on within a file.
                        try check(ftruncate(file.rawValue, 0), "empty", path)
                        start = 0
                    }
                    let written = pwrite(file.rawValue, bytes.baseAddress, bytes.count, Int(start + count))
                    guard try check(written, "write", path) == bytes.count else { throw systemError("write", path) }
                    count += UInt64(written)
                    downloaded(UInt64(written))
                })
        }
    }
}
