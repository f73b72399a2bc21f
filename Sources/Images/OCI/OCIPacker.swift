public import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Layers
public import Model
internal import System
public import SystemPackage

/// Makes OCI images of chains of layers: one OCI layer for each of ours.
public struct OCIPacker: Sendable {
    /// One layer of the chain: its whole tree, and its manifest.
    public struct Source: Sendable {
        public var tree: FilePath
        public var manifest: LayerManifest

        public init(tree: FilePath, manifest: LayerManifest) {
            self.tree = tree
            self.manifest = manifest
        }
    }

    private let progress: any ProgressSink

    public init(progress: any ProgressSink) { self.progress = progress }

    /// What of a layer became an OCI layer.
    struct PackedLayer: Codable, Equatable {
        var descriptor: OCI.Descriptor
        var diffID: ContentDigest
    }

    /// Writes the image of a chain into a folder of blobs.
    ///
    /// - Parameters:
    ///   - sources: base first.
    ///   - known: layers that were packed before, by digest: their blobs aren't made again. nil packs all.
    ///   - packed: told of each layer that was packed now, or was known.
    /// - Returns: the manifest's descriptor, with the platform.
    /// - Throws: `.verification` for a tree that isn't what its manifest says; `.unsupported` for what OCI can't carry.
    func pack(
        _ sources: [Source], into blobs: BlobFolder, compression: ImageFormat.Compression,
        known: (LayerManifest) throws -> PackedLayer? = { _ in nil },
        packed: (LayerManifest, PackedLayer) throws -> Void = { _, _ in }
    ) throws -> OCI.Descriptor {
        var layers: [PackedLayer] = []
        for source in sources {
            var layer: PackedLayer
            if let there = try known(source.manifest) {
                layer = there
            } else {
                layer = try pack(source, into: blobs, compression)
            }
            layer.descriptor.annotations = [
                OCI.Key.layerName: source.manifest.name, OCI.Key.layerDigest: source.manifest.digest.description,
            ]
            try packed(source.manifest, layer)
            layers.append(layer)
        }
        let top = sources[sources.count - 1].manifest
        let platform = OCI.Platform(architecture: OCI.architecture(ofRPM: top.arch))
        let configuration = try blobs.add(
            try OCI.encode(self.configuration(of: sources, layers, platform)), mediaType: OCI.MediaType.configuration)
        let manifest = OCI.Manifest(
            mediaType: OCI.MediaType.manifest, config: configuration, layers: layers.map(\.descriptor),
            annotations: annotations(of: sources, layers))
        var descriptor = try blobs.add(try OCI.encode(manifest), mediaType: OCI.MediaType.manifest)
        descriptor.platform = platform
        return descriptor
    }

    /// The manifest has differences; the image holds every file whole.
    private func pack(
        _ source: Source, into blobs: BlobFolder, _ compression: ImageFormat.Compression
    ) throws -> PackedLayer {
        let tree = try ImagePacker.withoutSockets(TreeScanner.scan(source.tree), progress)
        return try progress.phase(.pack, total: tree.size) {
            let file = try blobs.newFile()
            let written = try CompressedOutput(compression, to: file.descriptor).write(digests: true) {
                (output) throws(ProvisionError) in try OCILayerWriter(progress: progress).write(tree, to: &output)
            }
            guard written.measure.digest == source.manifest.digest else {
                throw ImagePacker.changed(source.tree, source.manifest, written.measure)
            }
            let descriptor = try blobs.keep(file, mediaType: OCI.MediaType.layer + OCIPacker.suffix(of: compression))
            let note = "\(source.manifest.name): \(written.measure.fileCount) paths, \(formatted(bytes: descriptor.size))"
            return (PackedLayer(descriptor: descriptor, diffID: written.diffID), note: note)
        }
    }

    /// - Throws: `.usage` for a compression that OCI layers don't have.
    static func check(_ compression: ImageFormat.Compression) throws(ProvisionError) {
        guard [.none, .gzip, .zstd].contains(compression) else {
            throw ProvisionError(
                .usage, "OCI layers aren't compressed with \"\(compression.rawValue)\"", hint: "gz, zst or none")
        }
    }

    private static func suffix(of compression: ImageFormat.Compression) -> String {
        switch compression {
        case .gzip: "+gzip"
        case .zstd: "+zstd"
        default: ""
        }
    }

    private func configuration(
        of sources: [Source], _ layers: [PackedLayer], _ platform: OCI.Platform
    ) throws -> OCI.Configuration {
        let top = sources[sources.count - 1]
        let boots = try sources.contains {
            try RootedDirectory($0.tree).status("/sbin/init") != nil
                || RootedDirectory($0.tree).status("/usr/sbin/init") != nil
        }
        var shipped: [LayerManifest] = []
        var attributes: [AttributeSidecar] = []
        for source in sources {
            attributes.append(try AttributeSidecar(ofLayer: TreeScanner.scan(source.tree)))
            var manifest = source.manifest.whole
            if let parent = shipped.last { manifest.parent = .init(name: parent.name, digest: parent.digest) }
            shipped.append(manifest)
        }
        return OCI.Configuration(
            created: time(top.manifest.created), architecture: platform.architecture, os: platform.os,
            config: .init(
                Cmd: boots ? ["/sbin/init"] : ["/bin/sh"],
                Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                // systemd shuts down in order on this signal, and takes SIGTERM for something else.
                StopSignal: boots ? "SIGRTMIN+3" : nil),
            rootfs: .init(diffIDs: layers.map(\.diffID)),
            history: sources.map {
                .init(created: time($0.manifest.created), createdBy: $0.manifest.command, comment: $0.manifest.name)
            }, provision: .init(layers: shipped, attributes: attributes))
    }

    /// The predefined ones of the image specification.
    private func annotations(of sources: [Source], _ layers: [PackedLayer]) -> [String: String] {
        let top = sources[sources.count - 1].manifest
        var annotations = [
            "org.opencontainers.image.created": time(top.created), "org.opencontainers.image.title": top.name,
        ]
        if sources.count > 1 { annotations["org.opencontainers.image.base.name"] = sources[0].manifest.name }
        return annotations
    }

    private func time(_ seconds: Int64) -> String { Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601) }
}
