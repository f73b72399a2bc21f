public import Diagnostics
internal import Glibc
public import Layers
public import Model
internal import System
public import SystemPackage

/// What was packed.
public struct PackedImage: Sendable, Equatable {
    public var format: ImageFormat
    /// Paths in it.
    public var fileCount: Int
    /// Bytes of the files in it.
    public var contentSize: UInt64
    /// Bytes of the image; nil where it went to a pipe.
    public var imageSize: UInt64?
}

/// Packs trees into images. The same tree and manifest give the same bytes, whatever the host, as long as the compressor is the same.
public struct ImagePacker: Sendable {
    let progress: any ProgressSink
    private let workspace: FilePath?
    private let isStrict: Bool

    /// - Parameters:
    ///   - workspace: a directory for copies that some formats need, on a file system that keeps all that a layer has; nil takes
    ///     the image's own.
    ///   - strict: refuses what the format can't carry by itself, instead of sending it along in files of ours.
    public init(progress: any ProgressSink, workspace: FilePath? = nil, strict: Bool = false) {
        self.progress = progress
        self.workspace = workspace
        isStrict = strict
    }

    /// Packs a layer into a file, which appears whole or not at all, also when we are killed.
    ///
    /// - Parameters:
    ///   - tree: a layer's tree (with the layer's differences beside it), or any root.
    ///   - manifest: travels with it and is what `unpack` checks it by; nil for a plain root.
    /// - Throws: `.verification` where the tree isn't what the manifest says, `.unsupported` without the compressor's program.
    public func pack(
        tree: FilePath, manifest: LayerManifest?, format: ImageFormat, to output: FilePath
    ) throws(ProvisionError) -> PackedImage {
        var file = try OutputFile(output)
        if format.archive.isFileSystem {
            var image = try makeFileSystem(
                of: tree, manifest, format, in: workspace ?? Files.absolute(output).removingLastComponent(), to: file.descriptor
            )
            image.imageSize = UInt64(lseek(file.descriptor.rawValue, 0, SEEK_END))
            try file.commit()
            return image
        }
        var image: PackedImage
        do {
            image = try pack(tree: tree, manifest: manifest, format: format, to: file.descriptor)
        } catch {
            // The file has no name yet by which its descriptor could be told.
            var error = error
            error.message = error.message.replacing("\"the image\"", with: "\"\(output)\"")
            if error.hint?.contains("--state") ?? false { error.hint = ImagePacker.noRoom }
            throw error
        }
        image.imageSize = UInt64(lseek(file.descriptor.rawValue, 0, SEEK_END))
        try file.commit()
        return image
    }

    static let noRoom = "free some room on the file system of the image, or write it elsewhere"

    /// As above, into an open descriptor: standard output, say.
    public func pack(
        tree root: FilePath, manifest: LayerManifest?, format: ImageFormat, to output: FileDescriptor
    ) throws(ProvisionError) -> PackedImage {
        guard format.archive.streams else {
            throw ProvisionError(
                .usage, "a \(format) image can't be written to a pipe", hint: "write it to a file, or send .tar.zst instead")
        }
        do {
            let tree = ImagePacker.withoutSockets(try TreeScanner.scan(root), progress)
            try refuseLosses(of: tree, in: format)
            return try progress.phase(.pack, total: tree.size) {
                let measure = try write(tree, manifest: manifest, format: format, to: output)
                if let manifest, manifest.digest != measure.digest { throw ImagePacker.changed(root, manifest, measure) }
                let image = PackedImage(
                    format: format, fileCount: measure.fileCount, contentSize: measure.size, imageSize: nil)
                return (image, note: "\(measure.fileCount) paths, \(formatted(bytes: measure.size))")
            }
        } catch let error as ProvisionError {
            throw error
        } catch {
            throw ProvisionError(.failed, "cannot pack \"\(root)\": \(error)")
        }
    }

    /// The tree, less its sockets: they are nothing without the process that listens.
    public static func withoutSockets(_ tree: Tree, _ progress: any ProgressSink) -> Tree {
        let sockets = tree.entries.filter { $0.kind == .socket }
        if sockets.isEmpty { return tree }
        for socket in sockets { progress.warn("the socket \"\(socket.path)\" is left out") }
        // Sockets are never linked to, but the numbers of the entries behind them change.
        var moved: [Int: Int] = [:]
        var entries: [TreeEntry] = []
        for (index, var entry) in tree.entries.enumerated() where entry.kind != .socket {
            moved[index] = entries.count
            entry.firstLink = entry.firstLink.flatMap { moved[$0] }
            entries.append(entry)
        }
        return Tree(root: tree.root, entries: entries)
    }

    private func write(
        _ tree: Tree, manifest: LayerManifest?, format: ImageFormat, to output: FileDescriptor
    ) throws(ProvisionError) -> TreeMeasure {
        try CompressedOutput(format.compression, to: output).write { (archive) throws(ProvisionError) in
            try encode(tree, manifest, format.archive, to: &archive)
        }
    }

    private func encode(
        _ tree: Tree, _ manifest: LayerManifest?, _ format: ImageFormat.Archive, to output: inout ArchiveOutput
    ) throws(ProvisionError) -> TreeMeasure {
        let bytes = try manifest.map { (manifest) throws(ProvisionError) in try ManifestFile.encode(manifest) }
        switch format {
        case .cpio:
            return try writer(NewcEncoder(), bytes, manifest, of: tree).write(tree, to: &output)
        case .tar:
            return try writer(PaxEncoder(), bytes, manifest, of: tree).write(tree, to: &output)
        case .squashfs, .erofs:
            // The copy that they are made of: holes are told of in the envelope, since neither keeps them.
            let encoder = PaxEncoder(carriesHoles: false, maker: FileSystemMaker(format: format))
            return try writer(encoder, bytes, manifest, of: tree).write(tree, to: &output)
        case .oci, .ociTar: throw ProvisionError(.usage, "an OCI image holds a chain of layers, not one tree")
        }
    }

    /// - Throws: `.unsupported` that names what would be lost, under `strict`.
    private func refuseLosses(of tree: Tree, in format: ImageFormat) throws(ProvisionError) {
        guard isStrict else { return }
        let losses =
            switch format.archive {
            case .cpio: try AttributeSidecar(of: tree, lostBy: NewcEncoder())
            case .squashfs, .erofs:
                try AttributeSidecar(
                    of: tree, lostBy: PaxEncoder(carriesHoles: false, maker: FileSystemMaker(format: format.archive)))
            default: try AttributeSidecar(of: tree, lostBy: PaxEncoder())
            }
        try losses.refuse(in: format.description)
    }

    private func makeFileSystem(
        of root: FilePath, _ manifest: LayerManifest?, _ format: ImageFormat, in workspace: FilePath, to output: FileDescriptor
    ) throws(ProvisionError) -> PackedImage {
        do {
            let tree = ImagePacker.withoutSockets(try TreeScanner.scan(root), progress)
            try refuseLosses(of: tree, in: format)
            return try progress.phase(.pack, total: tree.size) {
                let directory = try TemporaryDirectory(in: workspace, prefix: ".provision-pack")
                let copy = directory.path.appending("tree")
                try Files.makeDirectory(copy)
                let environment = ["PATH": ChildProcess.searchPath, "LC_ALL": "C.UTF-8"]
                let measure = try feed(Extraction.command(into: copy), output: nil, environment: environment) {
                    (archive) throws(ProvisionError) in
                    try encode(tree, manifest, format.archive, to: &archive)
                }
                if let manifest, manifest.digest != measure.digest { throw ImagePacker.changed(root, manifest, measure) }
                let made = directory.path.appending("image")
                try FileSystemMaker(format: format.archive).make(of: copy, tree, to: made)
                try Files.copyContents(of: made, to: output)
                let image = PackedImage(format: format, fileCount: measure.fileCount, contentSize: measure.size, imageSize: nil)
                return (image, note: "\(measure.fileCount) paths, \(formatted(bytes: measure.size))")
            }
        } catch let error as ProvisionError {
            throw error
        } catch {
            throw ProvisionError(.failed, "cannot pack \"\(root)\": \(error)")
        }
    }

    private func writer<Encoder: ArchiveEncoder>(
        _ encoder: Encoder, _ bytes: [UInt8]?, _ manifest: LayerManifest?, of tree: Tree
    ) -> ArchiveWriter<Encoder> {
        ArchiveWriter(
            encoder: encoder, progress: progress, manifest: bytes, time: manifest?.created ?? tree.entries[0].modified,
            differences: manifest?.differences ?? [], layer: tree.root.removingLastComponent())
    }

    static func changed(_ root: FilePath, _ manifest: LayerManifest, _ found: TreeMeasure) -> ProvisionError {
        ProvisionError(
            .verification, "the layer \"\(manifest.name)\" was changed on disk after it was made",
            hint: "make it again with --fresh; somebody wrote into \"\(root)\"",
            causes: ["it was \(manifest.digest)", "it is \(found.digest)"])
    }
}
