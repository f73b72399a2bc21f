public import Diagnostics
internal import Glibc
public import Layers
internal import Model
internal import System
public import SystemPackage

/// What became of an image.
public struct UnpackedLayer: Sendable {
    public var layer: Layer
    /// Whether the store had it already under that name: nothing was written then.
    public var wasThere: Bool
    /// What a person should know.
    public var notes: [String]
    /// Names of layers below it that came with it and weren't here.
    public var brought: [String] = []
}

/// How an image is to be taken.
public struct UnpackRequest: Sendable {
    /// The layer's name; nil takes the image's own. An archive made by hand has none.
    public var name: String?
    /// The layer that it stands on here; nil looks for one by digest.
    public var parent: String?
    /// The command and the time (seconds since 1970) and architecture, for the manifest of an archive made by hand.
    public var command: String
    public var now: Int64
    public var arch: String

    public init(name: String? = nil, parent: String? = nil, command: String, now: Int64, arch: String) {
        self.name = name
        self.parent = parent
        self.command = command
        self.now = now
        self.arch = arch
    }
}

/// Makes layers of images, checked against what they say of themselves.
///
/// An archive without a manifest (made with `find | cpio`, say) becomes a base layer under the name given.
public struct ImageUnpacker: Sendable {
    let store: LayerStore
    let rules: DeltaRules
    let progress: any ProgressSink

    /// Puts all that an image holds, at most so many bytes of it, into an empty directory.
    typealias Extract = (_ directory: FilePath, _ limit: UInt64) throws(ProvisionError) -> Void

    /// - Parameter rules: which files of a layer whose image holds them whole are kept as differences here.
    public init(store: LayerStore, rules: DeltaRules = .none, progress: any ProgressSink) {
        self.store = store
        self.rules = rules
        self.progress = progress
    }

    /// Unpacks a file into the store.
    ///
    /// - Throws: `.verification` for a damaged or hostile image, for content that isn't what its manifest says, and for another
    ///   parent than the one that it was made on; `.conflict` where the parent isn't there or the name is taken by another layer.
    public func unpack(_ file: FilePath, format: ImageFormat, _ request: UnpackRequest) throws -> UnpackedLayer {
        let descriptor = FileDescriptor(rawValue: try check(open(file.string, O_RDONLY | O_CLOEXEC), "open", file))
        defer { close(descriptor.rawValue) }
        if format.archive.isFileSystem { return try unpackFileSystem(file, format, request) }
        var status = stat()
        let isFile = fstat(descriptor.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        return try unpack(
            descriptor, named: file.lastComponent?.string ?? file.string, size: isFile ? UInt64(status.st_size) : nil,
            format: format, request)
    }

    /// As above, from a stream that is read once: standard input, say. `size` is for progress.
    public func unpack(
        _ source: FileDescriptor, named image: String, size: UInt64? = nil, format: ImageFormat, _ request: UnpackRequest
    ) throws -> UnpackedLayer {
        guard format.archive.streams else {
            throw ProvisionError(
                .usage, "a \(format) image can't be read from a pipe", hint: "write it to a file first, and unpack that")
        }
        return try progress.phase(.unpack, total: size) {
            var reader = try ArchiveReader.open(source, name: image, compression: format.compression)
            let bytes = try Extraction.firstBytes(of: Envelope.manifest, in: reader.head)
            return try accept(bytes, of: image, request) { [progress] (directory, limit) throws(ProvisionError) in
                try Extraction(directory: directory, name: image, limit: limit, progress: progress).run(&reader)
            }
        }
    }

    private func unpackFileSystem(_ file: FilePath, _ format: ImageFormat, _ request: UnpackRequest) throws -> UnpackedLayer {
        let name = file.lastComponent?.string ?? file.string
        return try progress.phase(.unpack, total: nil) {
            let directory = try TemporaryDirectory(prefix: "provision-image")
            let image = try FileSystemImage(mounting: file, format.archive, in: directory.path, image: name)
            let result = try accept(try image.manifest(), of: name, request) {
                [progress] (place, limit) throws(ProvisionError) in
                try image.copy(to: place, limit: limit, progress: progress)
            }
            _ = consume image
            return result
        }
    }

    /// - Parameter manifest: the bytes of the image's own; nil for one made by hand.
    private func accept(
        _ manifest: [UInt8]?, of image: String, _ request: UnpackRequest, _ extract: Extract
    ) throws -> (UnpackedLayer, note: String?) {
        let manifest = try ImageManifest(of: image, manifest: manifest).accepted(for: request, in: store)
        let name = manifest?.name ?? request.name ?? ""
        let lock = try store.lock(name, words: "provision unpack \(image)") { [progress] in
            progress.report(.detail("waiting for \($0)"))
        }
        let result =
            if let manifest {
                try unpack(image, as: manifest, extract)
            } else {
                try unpackHandmade(image, as: name, request, extract)
            }
        _ = consume lock
        let paths = "\(result.layer.manifest.fileCount) paths"
        return (result, note: result.wasThere ? "\(result.layer.name) is here already" : paths)
    }

    private func unpack(_ image: String, as manifest: LayerManifest, _ extract: Extract) throws -> UnpackedLayer {
        if let existing = try store.layerIfPresent(manifest.name) {
            guard existing.digest == manifest.digest, existing.manifest.parent?.digest == manifest.parent?.digest else {
                throw ProvisionError(
                    .conflict, "a layer \"\(manifest.name)\" exists already, and is another",
                    hint: "give this one another name with --name",
                    causes: ["here is \(existing.digest)", "the image holds \(manifest.digest)"])
            }
            return UnpackedLayer(layer: existing, wasThere: true, notes: [])
        }
        let room = try store.freeBytes()
        guard manifest.size <= room, manifest.whole.size <= room else {
            throw ProvisionError(
                .failed,
                "the image \"\(image)\" needs \(formatted(bytes: manifest.whole.size)), and \(formatted(bytes: room)) are free",
                hint: "free some room under \"\(store.state)\"")
        }
        // Headers, long names and attributes take room beside the content. The size is at most what is free, so nothing overflows.
        let limit = manifest.size + UInt64(min(max(0, manifest.fileCount), 1 << 32)) * 16384 + (64 << 20)
        let layer = try stage(image, limit: min(limit, room), manifest: manifest, extract) { staging in
            let tree = try TreeScanner.scan(staging.tree)
            let size = tree.size + (manifest.differences ?? []).reduce(0) { $0 + $1.storedSize }
            // Before anything is read: a file with holes may claim to be larger than any disk.
            guard size == manifest.size, tree.count == manifest.fileCount else {
                throw differs(
                    image,
                    [
                        "it says \(manifest.fileCount) paths with \(manifest.size) bytes",
                        "it holds \(tree.count) paths with \(size) bytes",
                    ])
            }
            return try store.commitUnpacked(staging, manifest: manifest, rules: rules) { measure in
                guard measure.digest == manifest.digest else {
                    throw differs(image, ["it says \(manifest.digest)", "it holds \(measure.digest)"])
                }
            }
        }
        return UnpackedLayer(layer: layer, wasThere: false, notes: [])
    }

    /// A base from an archive that says nothing of itself.
    private func unpackHandmade(
        _ image: String, as name: String, _ request: UnpackRequest, _ extract: Extract
    ) throws -> UnpackedLayer {
        if try store.layerIfPresent(name) != nil {
            throw ProvisionError(
                .conflict, "a layer \"\(name)\" exists already", hint: "give this one another name with --name")
        }
        let room = try store.freeBytes()
        var notes = ["the image has no manifest: its packages are not known, and nothing vouches for its content"]
        let layer = try stage(image, limit: room, manifest: nil, extract) { staging in
            let tree = try TreeScanner.scan(staging.tree)
            guard tree.size <= room else { throw differs(image, ["it claims to hold \(tree.size) bytes"]) }
            if let inner = HandmadeRoot.inside(tree) {
                try HandmadeRoot.moveUp(inner, of: staging)
                notes.append("everything in it lay under \"\(inner)/\", which became the root")
            }
            return try store.commit(staging, rules: .none, progress: progress) { measure in
                LayerManifest(
                    name: name, kind: .base, release: "custom", arch: request.arch, parent: nil, digest: measure.digest,
                    request: sha256(of: "unpacked \(measure.digest)"), command: request.command, created: request.now,
                    database: nil, yumConfiguration: nil, packages: [], patches: [], warnings: notes, size: measure.size,
                    fileCount: measure.fileCount)
            }
        }
        return UnpackedLayer(layer: layer, wasThere: false, notes: notes)
    }

    /// Extracts into a staging, restores what the envelope carries, and lets `commit` make a layer of it.
    private func stage(
        _ image: String, limit: UInt64, manifest: LayerManifest?, _ extract: Extract, commit: (Staging) throws -> Layer
    ) throws -> Layer {
        let staging = try store.stage("provision unpack \(image)")
        do {
            try extract(staging.tree, limit)
            try Envelope.open(in: staging.tree, of: image, manifest: manifest, layer: staging.layerDirectory)
            return try commit(staging)
        } catch {
            try staging.discard()
            throw error
        }
    }

    func differs(_ image: String, _ causes: [String]) -> ProvisionError {
        ProvisionError(
            .verification, "the image \"\(image)\" doesn't hold what its manifest says", hint: "nothing of it was kept",
            causes: causes)
    }
}
