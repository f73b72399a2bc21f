public import Diagnostics
internal import FoundationEssentials
internal import Glibc
public import Layers
public import Model
internal import System
public import SystemPackage

/// Layers to and from any OCI registry.
public struct ImageRegistry {
    /// How a registry is spoken to.
    public struct Options: Sendable {
        public var transport = TransportOptions()
        /// HTTP without TLS, which a registry on the loopback may speak always.
        public var plainHTTP = false
        /// `provision/VERSION`
        public var agent = "provision"

        public init() {}
    }

    /// A document to attach to what is pushed.
    public struct Attachment: Sendable {
        /// Its media type.
        public var type: String
        public var bytes: [UInt8]

        public init(type: String, bytes: [UInt8]) {
            self.type = type
            self.bytes = bytes
        }
    }

    private let store: LayerStore
    private let cache: FilePath
    private let options: Options
    private let progress: any ProgressSink

    /// - Parameter cache: where blobs lie on their way, and what is known of packed layers.
    public init(store: LayerStore, cache: FilePath, options: Options, progress: any ProgressSink) {
        self.store = store
        self.cache = cache
        self.options = options
        self.progress = progress
    }

    // MARK: - Push

    /// What is known of a layer that was packed before: enough not to pack it again where a registry has it.
    private struct Known: Codable {
        var layer: OCIPacker.PackedLayer
        /// `REGISTRY/NAME` of repositories that got it.
        var repositories: [String]
    }

    /// Sends a layer with all that it stands on; what the registry has isn't sent again.
    ///
    /// - Parameters:
    ///   - multiArch: makes the tag an index of architectures, or adds to what it is.
    ///   - attachments: attached to the image when it is there.
    /// - Throws: `.verification` for a changed layer or a refused login; `.unreachable`; `.failed`.
    public func push(
        _ chain: LayerChain, to reference: RegistryReference, compression: ImageFormat.Compression, multiArch: Bool,
        attachments: [Attachment]
    ) throws -> PushAnswer {
        try OCIPacker.check(compression)
        guard let tag = reference.tag, reference.digest == nil else {
            throw ProvisionError(
                .usage, "an image is pushed to a tag, not to a digest",
                hint: "write \(reference.registry)/\(reference.name):TAG")
        }
        let layers = Array(chain.layers.reversed())
        let here = "\(reference.registry)/\(reference.name)"
        let known = try layers.map { try readKnown($0.manifest, compression) }
        let sources = Set(known.flatMap { $0?.repositories ?? [] }).filter {
            $0.hasPrefix("\(reference.registry)/") && $0 != here
        }
        .map { String($0.dropFirst(reference.registry.utf8.count + 1)) }.sorted()
        let session = try RegistrySession(
            reference, transport: options.transport, agent: options.agent, plainHTTP: options.plainHTTP, actions: "pull,push",
            sources: sources, progress: progress)
        // Before anything is packed: whether the registry can be reached, and takes the login.
        _ = try session.perform("GET", "/v2/", accepted: [200, 404])
        let push = RegistryPush(session: session, progress: progress)
        let blobs = try BlobFolder(cache.appending("blobs"))
        var packed: [(LayerManifest, OCIPacker.PackedLayer)] = []
        let descriptor = try OCIPacker(progress: progress).pack(
            layers.map { OCIPacker.Source(tree: $0.completeTree, manifest: $0.manifest) }, into: blobs,
            compression: compression,
            known: { manifest in
                guard let known = known[packed.count] else { return nil }
                let digest = known.layer.descriptor.digest
                let isHere = try blobs.isIntact(digest)
                return try isHere || push.holds(digest) ? known.layer : nil
            }, packed: { packed.append(($0, $1)) })
        var answer = PushAnswer(
            reference: reference.description, digest: descriptor.digest, layers: [], sentBytes: 0, attached: [])
        let manifestBytes = try Files.read(blobs.file(of: descriptor.digest))
        let manifest = try JSONDecoder().decode(OCI.Manifest.self, from: Data(manifestBytes))
        let total = packed.reduce(0) { $0 + $1.1.descriptor.size }
        try progress.phase(.upload, total: total) { () throws -> (Void, note: String?) in
            for (index, (layer, packedLayer)) in packed.enumerated() {
                let source = known[index]?.repositories.first { source in
                    sources.contains { "\(reference.registry)/\($0)" == source }
                }
                let bytes = try push.send(
                    blobs.file(of: packedLayer.descriptor.digest), packedLayer.descriptor,
                    mountingFrom: source.map { String($0.dropFirst(reference.registry.utf8.count + 1)) },
                    from: answer.sentBytes)
                answer.sentBytes += bytes
                answer.layers.append(
                    .init(
                        name: layer.name, digest: packedLayer.descriptor.digest, size: packedLayer.descriptor.size,
                        sentBytes: bytes))
                let repositories = (known[index]?.repositories ?? []).filter { $0 != here } + [here]
                try write(Known(layer: packedLayer, repositories: repositories), layer, compression)
            }
            answer.sentBytes += try push.send(blobs.file(of: manifest.config.digest), manifest.config, from: answer.sentBytes)
            if multiArch {
                try push.put(manifestBytes, mediaType: OCI.MediaType.manifest, as: descriptor.digest.description)
                let pull = RegistryPull(session: session, blobs: blobs, progress: progress)
                answer.digest = try MultiArchTag(tag: tag, push: push, pull: pull).add(descriptor)
            } else {
                try push.put(manifestBytes, mediaType: OCI.MediaType.manifest, as: tag)
            }
            return ((), note: "\(formatted(bytes: answer.sentBytes)) sent")
        }
        for attachment in attachments {
            try push.attach(
                attachment.bytes, artifactType: attachment.type, to: descriptor, created: chain.top.manifest.created,
                blobs: blobs)
            answer.attached.append(attachment.type)
        }
        for digest in packed.map(\.1.descriptor.digest) + [manifest.config.digest, descriptor.digest] {
            try Files.remove(blobs.file(of: digest))
        }
        return answer
    }

    private func knownFile(_ manifest: LayerManifest, _ compression: ImageFormat.Compression) -> FilePath {
        let suffix = compression == .none ? "" : compression.rawValue
        return cache.appending("packed").appending("\(manifest.digest.hex)\(suffix).json")
    }

    /// nil also for what can't be read: it is a cache.
    private func readKnown(_ manifest: LayerManifest, _ compression: ImageFormat.Compression) throws -> Known? {
        guard let bytes = try Files.readIfPresent(knownFile(manifest, compression)) else { return nil }
        return try? JSONDecoder().decode(Known.self, from: Data(bytes))
    }

    private func write(_ known: Known, _ manifest: LayerManifest, _ compression: ImageFormat.Compression) throws {
        let file = knownFile(manifest, compression)
        try Files.makeDirectory(file.removingLastComponent())
        try Files.write(try OCI.encode(known), to: file)
    }

    // MARK: - Pull

    /// Makes layers of an image; those that the store has aren't fetched.
    ///
    /// - Parameter rules: which files are kept as differences.
    /// - Throws: `.verification` for what isn't as its digest says; `.notFound`; `.unreachable`; `.conflict` for a taken name.
    public func pull(
        _ reference: RegistryReference, rules: DeltaRules, _ request: UnpackRequest
    ) throws -> (layer: UnpackedLayer, downloadedBytes: UInt64) {
        _ = try store.sweep()
        let session = try RegistrySession(
            reference, transport: options.transport, agent: options.agent, plainHTTP: options.plainHTTP, actions: "pull",
            progress: progress)
        let blobs = try BlobFolder(cache.appending("blobs"))
        let pull = RegistryPull(session: session, blobs: blobs, progress: progress)
        let (manifest, _) = try pull.manifest(arch: request.arch)
        var downloaded: UInt64 = 0
        var used: [FilePath] = []
        let unpacker = OCIUnpacker(store: store, rules: rules, progress: progress, image: reference.description)
        var named = request
        named.name = request.name
        let layer = try unpacker.unpack(manifest, named) { descriptor in
            let file = try progress.phase(.download, total: descriptor.size) {
                var own: UInt64 = 0
                let file = try pull.blob(descriptor) { bytes in
                    own += bytes
                    downloaded += bytes
                    progress.report(.advanced(.download, completed: own, item: descriptor.digest.short))
                }
                return (file, note: own == 0 ? "\(descriptor.digest.short) is in the cache" : formatted(bytes: own))
            }
            used.append(file)
            return file
        }
        for file in used { try Files.remove(file) }
        return (layer, downloaded)
    }
}

/// The document of `provision push --json`.
public struct PushAnswer: Encodable, Sendable {
    public struct Layer: Encodable, Sendable {
        public var name: String
        /// Of the compressed archive.
        public var digest: ContentDigest
        public var size: UInt64
        /// 0 where the registry had it, or took it from another repository.
        public var sentBytes: UInt64
    }

    public var reference: String
    /// Of the manifest, or of the index.
    public var digest: ContentDigest
    /// Base first.
    public var layers: [Layer]
    public var sentBytes: UInt64
    /// Media types of what was attached.
    public var attached: [String]
}
