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
        store = LayerStore(state: context.state)
    }

    /// Writes one layer to a file, whole or not at all.
    ///
    /// - Parameters:
    ///   - format: `cpio.bz2`, `tar.zst`, `erofs` and so on; nil takes it from the file's name.
    ///   - strict: refuses what the format can't carry by itself.
    /// - Throws: `.unsupported` under `strict`, `.usage` for an unknown format, `.verification` where the layer isn't what its
    ///   manifest says any more.
    public func pack(_ name: String, to file: FilePath, format: String?, strict: Bool = false) throws -> PackAnswer {
        let kind = try format.map { try ImageFormat(named: $0) } ?? ImageFormat(ofFileNamed: file.lastComponent?.string ?? "")
        let layer = try store.layer(named: name)
        if kind.archive == .oci || kind.archive == .ociTar {
            let bytes = try OCILayout(store: store, progress: context.progress).pack(
                try store.chain(of: layer), to: kind.archive == .oci ? .folder(file) : .archive(file))
            return PackAnswer(
                name: name, file: file.string, format: kind.description, bytes: bytes ?? 0, digest: layer.digest)
        }
        // What a dead run leaves there is swept by the next.
        let staging = kind.archive.isFileSystem ? try store.stage("provision pack \(name)") : nil
        // What is mounted must have its files whole.
        let isWhole = kind.archive.isFileSystem
        let image = try ImagePacker(progress: context.progress, workspace: staging?.directory, strict: strict).pack(
            tree: isWhole ? try store.completeTree(of: layer) : layer.tree,
            manifest: isWhole ? layer.manifest.whole : layer.manifest, format: kind, to: file)
        try staging?.discard()
        return PackAnswer(
            name: name, file: file.string, format: kind.description, bytes: image.imageSize ?? 0, digest: layer.digest)
    }

    /// Writes one layer to standard output.
    ///
    /// - Throws: as `pack(_:to:format:)`.
    public func packToStandardOutput(_ name: String, format: String, strict: Bool = false) throws {
        let kind = try ImageFormat(named: format)
        let layer = try store.layer(named: name)
        if kind.archive == .ociTar {
            _ = try OCILayout(store: store, progress: context.progress).pack(
                try store.chain(of: layer), to: .stream(.standardOutput))
            return
        }
        guard kind.archive != .oci else {
            throw ProvisionError(.usage, "a folder can't go to standard output", hint: "--format oci.tar")
        }
        _ = try ImagePacker(progress: context.progress, strict: strict).pack(
            tree: layer.tree, manifest: layer.manifest, format: kind, to: .standardOutput)
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
