internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Model
internal import System
internal import SystemPackage
internal import Transfer

/// Sends blobs and manifests to a repository; what it has isn't sent again.
struct RegistryPush {
    let session: RegistrySession
    let progress: any ProgressSink

    func holds(_ digest: ContentDigest) throws(ProvisionError) -> Bool {
        try session.perform("HEAD", "blobs/\(digest)", accepted: [200, 404]).status == 200
    }

    /// Sends one blob unless it is there; bytes that went over the wire.
    ///
    /// - Parameters:
    ///   - source: another repository of the registry that has it: then it is mounted instead of sent.
    ///   - done: bytes that were sent before, for progress.
    func send(
        _ file: FilePath, _ descriptor: OCI.Descriptor, mountingFrom source: String? = nil, from done: UInt64 = 0
    ) throws(ProvisionError) -> UInt64 {
        if try holds(descriptor.digest) { return 0 }
        let opened = FileDescriptor(rawValue: try check(open(file.string, O_RDONLY | O_CLOEXEC), "open", file))
        defer { close(opened.rawValue) }
        let counter = SentCounter(done, progress)
        var upload = BlobUpload(
            session: session, progress: progress, file: opened, descriptor: descriptor, source: source, sent: counter.add)
        try upload.run()
        return counter.bytes - done
    }

    /// Puts a manifest or an index under a tag or its digest; the answer's headers tell what else the registry did.
    @discardableResult
    func put(_ bytes: [UInt8], mediaType: String, as reference: String) throws(ProvisionError) -> HTTPAnswer {
        try session.perform(
            "PUT", "manifests/\(reference)", headers: [("Content-Type", mediaType)], body: .bytes(bytes), accepted: [201])
    }

    /// Attaches a document to a manifest that is there, as the specification's referrers: a manifest of its own with `subject`.
    ///
    /// - Parameters:
    ///   - artifactType: the document's media type.
    ///   - blobs: where the document and its manifest are kept on the way.
    func attach(
        _ document: [UInt8], artifactType: String, to subject: OCI.Descriptor, created: Int64, blobs: BlobFolder
    ) throws {
        let content = try blobs.add(document, mediaType: artifactType)
        let empty = try blobs.add(Array("{}".utf8), mediaType: OCI.MediaType.empty)
        for descriptor in [content, empty] { _ = try send(blobs.file(of: descriptor.digest), descriptor) }
        var plain = subject
        (plain.platform, plain.annotations) = (nil, nil)
        let manifest = OCI.Manifest(
            mediaType: OCI.MediaType.manifest, artifactType: artifactType, config: empty, layers: [content], subject: plain,
            annotations: ["org.opencontainers.image.created": Date(timeIntervalSince1970: Double(created)).formatted(.iso8601)])
        let bytes = try OCI.encode(manifest)
        var descriptor = try blobs.add(bytes, mediaType: OCI.MediaType.manifest)
        let answer = try put(bytes, mediaType: OCI.MediaType.manifest, as: descriptor.digest.description)
        // A registry without the referrers API doesn't say that it saw the subject: then a tag tells of them.
        if answer.header("oci-subject") != nil { return }
        let tag = "\(subject.digest.algorithm.rawValue)-\(subject.digest.hex)"
        var index = OCI.Index(mediaType: OCI.MediaType.index, manifests: [])
        let there = try session.perform(
            "GET", "manifests/\(tag)", headers: [("Accept", OCI.MediaType.index)], limit: OCIUnpacker.manifestLimit,
            accepted: [200, 404])
        if there.status == 200 { index = try JSONDecoder().decode(OCI.Index.self, from: Data(there.body)) }
        descriptor.artifactType = artifactType
        index.manifests.removeAll { $0.digest == descriptor.digest }
        index.manifests.append(descriptor)
        try put(try OCI.encode(index), mediaType: OCI.MediaType.index, as: tag)
    }
}

/// Bytes that went out, told as progress.
private final class SentCounter {
    private(set) var bytes: UInt64
    private let progress: any ProgressSink

    init(_ bytes: UInt64, _ progress: any ProgressSink) {
        self.bytes = bytes
        self.progress = progress
    }

    func add(_ count: UInt64) {
        bytes += count
        progress.report(.advanced(.upload, completed: bytes, item: nil))
    }
}
