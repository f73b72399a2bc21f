public import Diagnostics
internal import FoundationEssentials
internal import Glibc
public import Layers
internal import Model
internal import System
public import SystemPackage

/// OCI layouts, as a folder (`.oci`) or as a tar archive of it (`.oci.tar`); see the OCI image layout specification.
public struct OCILayout {
    private let store: LayerStore
    private let progress: any ProgressSink

    public init(store: LayerStore, progress: any ProgressSink) {
        self.store = store
        self.progress = progress
    }

    // MARK: - Packing

    /// Where an image goes.
    public enum Output {
        /// A folder that isn't there yet, or holds a layout, which is replaced.
        case folder(FilePath)
        case archive(FilePath)
        case stream(FileDescriptor)
    }

    /// Packs a layer with all that it stands on. The output appears whole or not at all.
    ///
    /// - Parameter strict: refuses what other programs than ours wouldn't see.
    /// - Returns: bytes of the image; nil for a stream.
    /// - Throws: as `OCIPacker.pack`; `.conflict` for a folder that is something else; `.unsupported` under `strict`.
    public func pack(
        _ chain: LayerChain, to output: Output, compression: ImageFormat.Compression = .gzip, strict: Bool = false
    ) throws -> UInt64? {
        try OCIPacker.check(compression)
        if strict {
            for layer in chain.layers.reversed() {
                try AttributeSidecar(lostByOCI: TreeScanner.scan(layer.completeTree)).refuse(in: "oci")
            }
        }
        let staging = try store.stage("provision pack \(chain.top.name)")
        do {
            let folder = staging.directory.appending("layout")
            let blobs = try BlobFolder(folder.appending("blobs"))
            let sources = chain.layers.reversed().map { OCIPacker.Source(tree: $0.completeTree, manifest: $0.manifest) }
            var descriptor = try OCIPacker(progress: progress).pack(sources, into: blobs, compression: compression)
            descriptor.annotations = ["org.opencontainers.image.ref.name": chain.top.name]
            let index = OCI.Index(mediaType: OCI.MediaType.index, manifests: [descriptor])
            try Files.write(try OCI.encode(index), to: folder.appending("index.json"))
            try Files.write(try OCI.encode(OCI.LayoutMark()), to: folder.appending("oci-layout"))
            let size = try deliver(folder, to: output, time: chain.top.manifest.created)
            try staging.discard()
            return size
        } catch {
            try staging.discard()
            throw error
        }
    }

    private func deliver(_ folder: FilePath, to output: Output, time: Int64) throws -> UInt64? {
        switch output {
        case .stream(let descriptor):
            try archive(folder, to: descriptor, time: time)
            return nil
        case .archive(let path):
            var file = try OutputFile(path)
            try archive(folder, to: file.descriptor, time: time)
            let size = UInt64(lseek(file.descriptor.rawValue, 0, SEEK_END))
            try file.commit()
            return size
        case .folder(let path):
            let isThere = Files.exists(path)
            guard !isThere || Files.exists(path.appending("oci-layout")) else {
                throw ProvisionError(
                    .conflict, "\"\(path)\" is there and is no OCI layout", hint: "name a folder that isn't there yet")
            }
            // Beside it first: the staging may be on another file system.
            let neighbour = FilePath(path.string + ".new-\(getpid())")
            do {
                try copy(folder, to: neighbour)
                if isThere { try Files.exchange(neighbour, path) } else { try Files.renameExclusively(neighbour, to: path) }
                try Files.remove(neighbour)
            } catch {
                try Files.remove(neighbour)
                throw error
            }
            return try files(of: path).reduce(0) { $0 + $1.size }
        }
    }

    /// The files of a layout, what readers want first before the blobs, sorted.
    private func files(of folder: FilePath) throws -> [(name: String, size: UInt64)] {
        let blobs = try Files.names(in: folder.appending("blobs/sha256")).sorted().map { "blobs/sha256/\($0)" }
        return try (["oci-layout", "index.json"] + blobs).map { name in
            var status = stat()
            let path = folder.appending(name)
            try check(lstat(path.string, &status), "look at", path)
            return (name, UInt64(status.st_size))
        }
    }

    private func copy(_ folder: FilePath, to place: FilePath) throws {
        try Files.makeDirectory(place.appending("blobs/sha256"))
        for file in try files(of: folder) {
            try Files.copyContents(folder.appending(file.name), to: place.appending(file.name))
            try check(chmod(place.appending(file.name).string, 0o644), "set the mode of", place.appending(file.name))
        }
    }

    private func archive(_ folder: FilePath, to descriptor: FileDescriptor, time: Int64) throws {
        signal(SIGPIPE, SIG_IGN)
        let encoder = PaxEncoder()
        var output = ArchiveOutput(descriptor, name: "the image")
        let tree = Tree(root: folder, entries: [])
        var number: UInt32 = 0
        func add(_ name: String, _ kind: TreeEntry.Kind, _ size: UInt64) throws(ProvisionError) {
            number += 1
            let entry = TreeEntry(
                path: TreePath(name), kind: kind, mode: kind == .directory ? 0o755 : 0o644, size: size, modified: time)
            let header = try encoder.header(
                of: ArchiveEntry(entry: entry, name: Array(name.utf8), dataSize: size, link: nil, number: number))
            try output.write(header)
            guard kind == .file else { return }
            _ = try tree.copyContent(of: entry, to: &output)
            try output.write([UInt8](repeating: 0, count: encoder.padding(after: size)))
        }
        for name in ["blobs", "blobs/sha256"] { try add(name, .directory, 0) }
        for file in try files(of: folder) { try add(file.name, .file, file.size) }
        try output.write(encoder.trailer(at: output.offset))
        try output.flush()
        guard !output.isBroken else { throw ProvisionError(.failed, "nobody reads the image any more") }
    }

    // MARK: - Unpacking

    /// Makes layers of the image in a layout's folder.
    ///
    /// - Parameter rules: which files are kept as differences.
    /// - Throws: as `OCIUnpacker.unpack`; `.usage` where the layout holds several images for this platform.
    public func unpack(folder: FilePath, rules: DeltaRules, _ request: UnpackRequest) throws -> UnpackedLayer {
        _ = try store.sweep()
        return try unpack(layout: folder, named: folder.lastComponent?.string ?? folder.string, rules, request)
    }

    /// Makes layers of the image in an archive of a layout.
    ///
    /// - Parameter name: of the archive, for messages.
    public func unpack(
        archive source: FileDescriptor, named name: String, rules: DeltaRules, _ request: UnpackRequest
    ) throws -> UnpackedLayer {
        let staging = try store.stage("provision unpack \(name)")
        do {
            var reader = try ArchiveReader.open(source, name: name, compression: .none)
            let room = try store.freeBytes()
            try Extraction(directory: staging.tree, name: name, limit: room, progress: progress).run(&reader)
            let layer = try unpack(layout: staging.tree, named: name, rules, request)
            try staging.discard()
            return layer
        } catch {
            try staging.discard()
            throw error
        }
    }

    private func unpack(
        layout folder: FilePath, named name: String, _ rules: DeltaRules, _ request: UnpackRequest
    ) throws -> UnpackedLayer {
        let unpacker = OCIUnpacker(store: store, rules: rules, progress: progress, image: name)
        // The folder may be anybody's: links in it lead nowhere else.
        let layout = LayoutFolder(root: folder, unpacker: unpacker)
        guard try layout.read("oci-layout", limit: 4096) != nil, let bytes = try layout.read("index.json", limit: 4 << 20)
        else {
            throw ProvisionError(.verification, "\"\(name)\" is no OCI layout: it lacks oci-layout or index.json")
        }
        let index: OCI.Index = try unpacker.decode(bytes, "index")
        let descriptor = try OCIPlatforms(image: name).choose(from: index, arch: request.arch) { descriptor in
            try unpacker.decode(try layout.bytes(of: descriptor, limit: OCIUnpacker.manifestLimit), "index")
        }
        let manifest: OCI.Manifest = try unpacker.decode(
            try layout.bytes(of: descriptor, limit: OCIUnpacker.manifestLimit), "manifest")
        return try unpacker.unpack(manifest, request) { try layout.file(of: $0) }
    }
}

/// Blobs of a layout that isn't trusted.
private struct LayoutFolder {
    let root: FilePath
    let unpacker: OCIUnpacker

    func read(_ name: String, limit: Int) throws -> [UInt8]? { try RootedDirectory(root).read(name, limit: limit) }

    func bytes(of descriptor: OCI.Descriptor, limit: UInt64) throws -> [UInt8] {
        guard descriptor.size <= limit else { throw unpacker.refused("a document of it is larger than \(limit) bytes") }
        return try Files.read(try file(of: descriptor), limit: Int(limit))
    }

    /// Where a blob lies, after its size and digest were checked.
    func file(of descriptor: OCI.Descriptor) throws -> FilePath {
        guard [.sha256, .sha512].contains(descriptor.digest.algorithm) else {
            throw unpacker.refused("a digest of it is of type \(descriptor.digest.algorithm.rawValue)")
        }
        let name = "blobs/\(descriptor.digest.algorithm.rawValue)/\(descriptor.digest.hex)"
        let directory = try RootedDirectory(root)
        guard let status = try directory.status(name), status.kind == .file else {
            throw unpacker.refused("the blob \(descriptor.digest) isn't there")
        }
        guard status.size == descriptor.size,
            try directory.digest(of: name, algorithm: descriptor.digest.algorithm) == descriptor.digest
        else { throw unpacker.refused("the blob \(descriptor.digest) is damaged") }
        return root.appending(name)
    }
}

/// Which image of an index is for this platform.
struct OCIPlatforms {
    let image: String

    /// - Parameters:
    ///   - arch: as rpm names it.
    ///   - nested: brings an index that an index names.
    /// - Throws: `.usage` where there are several, `.verification` where there is none.
    func choose(
        from index: OCI.Index, arch: String, depth: Int = 0, nested: (OCI.Descriptor) throws -> OCI.Index
    ) throws -> OCI.Descriptor {
        let wanted = OCI.architecture(ofRPM: arch)
        let images = index.manifests.filter { descriptor in
            (OCI.MediaType.manifests.contains(descriptor.mediaType) || OCI.MediaType.indexes.contains(descriptor.mediaType))
                && descriptor.artifactType == nil
        }
        let fitting = images.filter {
            $0.platform == nil || ($0.platform?.os == "linux" && $0.platform?.architecture == wanted)
        }
        guard let only = fitting.first else {
            let known = images.compactMap(\.platform).map { "\($0.os)/\($0.architecture)" }
            throw ProvisionError(
                .verification, "the image \"\(image)\" has nothing for linux/\(wanted)",
                hint: known.isEmpty ? nil : "it is for \(known.joined(separator: ", "))")
        }
        guard fitting.count == 1 else {
            let names = fitting.map { $0.annotations?["org.opencontainers.image.ref.name"] ?? $0.digest.short }
            throw ProvisionError(
                .usage, "\"\(image)\" holds several images: \(names.joined(separator: ", "))",
                hint: "copy the one that is wanted into a layout of its own, as skopeo copy does it")
        }
        guard OCI.MediaType.indexes.contains(only.mediaType) else { return only }
        guard depth < 4 else { throw ProvisionError(.verification, "the image \"\(image)\" nests indexes without end") }
        return try choose(from: try nested(only), arch: arch, depth: depth + 1, nested: nested)
    }
}
