public import Diagnostics
internal import FoundationEssentials
internal import Glibc
public import Model
internal import System
public import SystemPackage

/// What lists and searches need of a layer: the beginning of its manifest, without its packages.
public struct LayerHead: Sendable, Equatable {
    public let name: String
    public let kind: LayerManifest.Kind
    public let parent: LayerManifest.Parent?
    public let release: String
    public let digest: ContentDigest
    public let request: ContentDigest
    /// Bytes that the layer keeps of its own files.
    public let size: UInt64
    /// Digests of its own packages' files.
    public let packages: [ContentDigest]
    /// The time that the build gave to what it made: seconds since 1970.
    public let created: Int64
    /// When it came to be here: seconds since 1970.
    public let made: Int64
    /// STATE/layers/NAME.
    public let directory: FilePath
}

extension LayerStore {
    /// All layers, sorted by name: manifests are read on all cores, each once, and nothing else.
    public func heads() throws(ProvisionError) -> [LayerHead] {
        let names = try Files.names(in: layersDirectory).filter { !$0.hasPrefix(".") }
        return try concurrently(names.count) { (index) throws(ProvisionError) in try head(names[index]) }.compactMap { $0 }
    }

    /// nil for what was removed since the directory was read, and for what never was a layer.
    private func head(_ name: String) throws(ProvisionError) -> LayerHead? {
        /// As `PlannedPackage` writes it.
        struct Package: Decodable {
            var sha256: String?
            var checksum: ContentDigest?
        }
        struct Fields: Decodable {
            var schema: Int
            var name: String
            var kind: LayerManifest.Kind
            var parent: LayerManifest.Parent?
            var release: String
            var digest: ContentDigest
            var request: ContentDigest
            var size: UInt64
            var created: Int64
            var packages: [Package]
        }
        guard (try? LayerName.check(name)) != nil else { return nil }
        let directory = layersDirectory.appending(name)
        let file = directory.appending("layer.json")
        guard let bytes = try Files.readIfPresent(file) else { return nil }
        var status = stat()
        guard lstat(file.string, &status) == 0 else { return nil }
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(bytes)), fields.name == name,
            fields.schema <= ManifestFile.schema
        else {
            // The whole one's decoder says what is wrong.
            _ = try layerIfPresent(name)
            throw ProvisionError(.failed, "\"\(file)\" is not a layer's manifest")
        }
        return LayerHead(
            name: name, kind: fields.kind, parent: fields.parent, release: fields.release, digest: fields.digest,
            request: fields.request, size: fields.size,
            packages: fields.packages.compactMap { $0.checksum ?? $0.sha256.flatMap { ContentDigest(.sha256, hex: $0) } },
            created: fields.created,
            made: Int64(status.st_mtim.tv_sec), directory: directory)
    }
}
