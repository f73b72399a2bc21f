internal import Configuration
internal import Diagnostics
internal import Glibc
internal import Images
internal import Layers
public import Model
internal import System
public import SystemPackage

/// Layers as files: out of one state, into another.
public struct Shipping {
    private let context: Context
    private let store: LayerStore

    public init(context: Context) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
    }

    /// Writes one layer to a file, whole or not at all.
    ///
    /// The process must be in a mount namespace of its own.
    /// - Parameters:
    ///   - target: a layer; a stopped machine, whose changes are the layer; or a root directory, which becomes a base.
    ///   - format: `cpio.bz2`, `tar.zst`, `erofs` and so on; nil takes it from the file's name.
    ///   - whole: the layer with all that it stands on, as one base.
    ///   - strict: refuses what the format can't carry by itself.
    /// - Throws: `.unsupported` under `strict`, `.usage` for an unknown format, `.verification` where the layer isn't what its
    ///   manifest says any more.
    public func pack(
        _ target: String, to file: FilePath, format: String?, whole: Bool = false, strict: Bool = false
    ) throws -> PackAnswer {
        let kind = try format.map { try ImageFormat(named: $0) } ?? ImageFormat(ofFileNamed: file.lastComponent?.string ?? "")
        return try withChain(of: target, kind, whole: whole) { chain in
            let layer = chain.top
            var answer = PackAnswer(
                name: layer.name, file: file.string, format: kind.description, bytes: 0, digest: layer.digest)
            if kind.archive == .oci || kind.archive == .ociTar {
                answer.bytes =
                    try OCILayout(store: store, progress: context.progress).pack(
                        chain, to: kind.archive == .oci ? .folder(file) : .archive(file), strict: strict) ?? 0
                return answer
            }
            // What a dead run leaves there is swept by the next.
            let staging = kind.archive.isFileSystem ? try store.stage("provision pack \(target)") : nil
            // What is mounted must have its files whole.
            let isWhole = kind.archive.isFileSystem
            answer.bytes =
                try ImagePacker(progress: context.progress, workspace: staging?.directory, strict: strict).pack(
                    tree: isWhole ? layer.completeTree : layer.tree,
                    manifest: isWhole ? layer.manifest.whole : layer.manifest, format: kind, to: file
                ).imageSize ?? 0
            try staging?.discard()
            return answer
        }
    }

    /// Writes one layer to standard output.
    ///
    /// - Throws: as `pack(_:to:format:)`.
    public func packToStandardOutput(
        _ target: String, format: String, whole: Bool = false, strict: Bool = false
    ) throws {
        let kind = try ImageFormat(named: format)
        guard kind.archive != .oci else {
            throw ProvisionError(.usage, "a folder can't go to standard output", hint: "--format oci.tar")
        }
        try withChain(of: target, kind, whole: whole) { chain in
            if kind.archive == .ociTar {
                _ = try OCILayout(store: store, progress: context.progress).pack(
                    chain, to: .stream(.standardOutput), strict: strict)
            } else {
                _ = try ImagePacker(progress: context.progress, strict: strict).pack(
                    tree: chain.top.tree, manifest: chain.top.manifest, format: kind, to: .standardOutput)
            }
        }
    }

    /// What a target ships as: with what it stands on, or alone where the format holds one layer and needs no other to make its
    /// files whole; with `whole` the chain as one layer, which is gone afterwards.
    private func withChain<Result>(
        of target: String, _ format: ImageFormat, whole: Bool, _ body: (LayerChain) throws -> Result
    ) throws -> Result {
        try ShippedTarget(context: context).with(target, words: "pack") { layer, chain in
            let isAlone = format.archive.streams || (format.archive.isFileSystem && layer.differences.isEmpty)
            if isAlone, !whole { return try body(LayerChain(layers: [layer])) }
            let chain = try chain()
            return whole && chain.layers.count > 1 ? try withFlat(chain, body) : try body(chain)
        }
    }

    private func withFlat<Result>(_ chain: LayerChain, _ body: (LayerChain) throws -> Result) throws -> Result {
        // Whoever changed a layer on disk mustn't get a digest of ours on it.
        for layer in chain.layers {
            let condition = try store.condition(of: layer)
            guard condition.digest == layer.digest, condition.problems.isEmpty else {
                throw ProvisionError(
                    .verification, "the layer \"\(layer.name)\" was changed on disk after it was made",
                    hint: "make it again with --fresh: provision verify \(layer.name) tells more", causes: condition.problems)
            }
        }
        let flat = try store.flatten(chain, words: "provision pack --whole \(chain.top.name)")
        do {
            let layer = Layer(manifest: flat.manifest, directory: flat.staging.layerDirectory)
            let result = try body(LayerChain(layers: [layer]))
            try flat.staging.discard()
            return result
        } catch {
            try flat.staging.discard()
            throw error
        }
    }

    /// Makes a layer of a file; nothing stays of one that is refused.
    ///
    /// - Parameters:
    ///   - file: nil is standard input, which needs a format.
    ///   - format: nil takes it from the file's name.
    /// - Throws: `.verification` for a damaged or hostile file and for another parent than its own, `.conflict` where the parent
    ///   is missing or the name is another layer's.
    public func unpack(_ file: FilePath?, name: String?, on parent: String?, format: String? = nil) throws -> UnpackAnswer {
        _ = try store.sweep()
        let request = UnpackRequest(
            name: name, parent: parent, command: "provision unpack \(file?.lastComponent?.string ?? "-")",
            now: Int64(time(nil)), arch: Architecture.host.basearch)
        let kind = try format.map { try ImageFormat(named: $0) } ?? ImageFormat(ofFileNamed: file?.lastComponent?.string ?? "")
        let unpacked = try unpack(file, kind, request)
        for note in unpacked.notes { context.progress.warn(note) }
        return UnpackAnswer(unpacked)
    }

    private func unpack(_ file: FilePath?, _ kind: ImageFormat, _ request: UnpackRequest) throws -> UnpackedLayer {
        switch kind.archive {
        case .oci, .ociTar:
            let layout = OCILayout(store: store, progress: context.progress)
            let rules = try DeltaRules(contentsOf: context.deltaRules)
            guard let file else {
                return try layout.unpack(archive: .standardInput, named: "standard input", rules: rules, request)
            }
            if kind.archive == .oci { return try layout.unpack(folder: file, rules: rules, request) }
            let descriptor = FileDescriptor(rawValue: try check(open(file.string, O_RDONLY | O_CLOEXEC), "open", file))
            defer { close(descriptor.rawValue) }
            return try layout.unpack(
                archive: descriptor, named: file.lastComponent?.string ?? file.string, rules: rules, request)
        case .cpio, .tar, .squashfs, .erofs:
            let unpacker = ImageUnpacker(
                store: store, rules: try DeltaRules(contentsOf: context.deltaRules), progress: context.progress)
            return if let file {
                try unpacker.unpack(file, format: kind, request)
            } else {
                try unpacker.unpack(.standardInput, named: "standard input", format: kind, request)
            }
        }
    }
}

/// The document of `provision pack --json`.
public struct PackAnswer: Encodable, Sendable {
    public var name: String
    public var file: String
    public var format: String
    /// Of the file.
    public var bytes: UInt64
    /// Of the layer in it.
    public var digest: ContentDigest
}

/// The document of `provision unpack --json`.
public struct UnpackAnswer: Encodable, Sendable {
    public var name: String
    public var kind: LayerManifest.Kind
    public var parent: String?
    public var path: String
    public var digest: ContentDigest
    /// Of the layer's files.
    public var bytes: UInt64
    /// Whether the layer was here already.
    public var reused: Bool
    /// Layers below it that came with it and weren't here.
    public var brought: [String]

    init(_ unpacked: UnpackedLayer) {
        let layer = unpacked.layer
        name = layer.name
        kind = layer.manifest.kind
        parent = layer.manifest.parent?.name
        path = layer.tree.string
        digest = layer.digest
        bytes = layer.manifest.size
        reused = unpacked.wasThere
        brought = unpacked.brought
    }
}
