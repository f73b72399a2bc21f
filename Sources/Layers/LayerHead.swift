public import Diagnostics
internal import FoundationEssentials
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
    /// For each of its own packages, a number that tells its file from others': see `mark(of:)`.
    public let packages: [UInt64]
    /// The time that the build gave to what it made: seconds since 1970.
    public let created: Int64
    /// When it came to be here: seconds since 1970.
    public let made: Int64
    /// STATE/layers/NAME.
    public let directory: FilePath
}

extension LayerHead {
    init(_ layer: Layer, _ mark: LayerIndex.Mark) {
        let manifest = layer.manifest
        self.init(
            name: manifest.name, kind: manifest.kind, parent: manifest.parent, release: manifest.release,
            digest: manifest.digest, request: manifest.request, size: manifest.size,
            packages: manifest.packages.map { LayerHead.mark(of: $0.checksum) }, created: manifest.created,
            made: mark.modified, directory: layer.directory)
    }

    /// The first 64 bits of a package's digest: enough to find layers that have packages in common.
    static func mark(of digest: ContentDigest) -> UInt64 { UInt64(digest.hex.prefix(16), radix: 16) ?? 0 }
}

extension LayerStore {
    /// All layers, sorted by name, by the index where a manifest is the very file that was read for it; the others' manifests are
    /// read on all cores, each once. Nothing else is.
    public func heads() throws(ProvisionError) -> [LayerHead] {
        let names = try Files.names(in: layersDirectory).filter { !$0.hasPrefix(".") }
        let index = LayerIndex(state: state)
        let known = names.count < LayerIndex.worthwhile ? [:] : try index.read()
        let found = try concurrently(names.count) { (place) throws(ProvisionError) -> (entry: LayerIndex.Entry, isNew: Bool)? in
            guard let mark = LayerIndex.Mark(of: layersDirectory.string + "/" + names[place] + "/layer.json") else {
                return nil
            }
            if let entry = known[names[place]], entry.mark == mark { return (entry, false) }
            return try head(names[place], mark).map { (LayerIndex.Entry(head: $0, mark: mark), true) }
        }.compactMap { $0 }
        if found.count(where: \.isNew) >= LayerIndex.worthwhile { try index.write(found.map(\.entry)) }
        return found.map(\.entry.head)
    }

    /// nil for what was removed since the directory was read, and for what never was a layer.
    private func head(_ name: String, _ mark: LayerIndex.Mark) throws(ProvisionError) -> LayerHead? {
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
        guard LayerName.isValid(name) else { return nil }
        let directory = layersDirectory.appending(name)
        let file = directory.appending("layer.json")
        if let layer = LayerStore.manifests.value(file, mark) { return LayerHead(layer, mark) }
        guard let bytes = try Files.readIfPresent(file) else { return nil }
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
            packages: fields.packages.compactMap { package in
                (package.checksum ?? package.sha256.flatMap { ContentDigest(.sha256, hex: $0) }).map(LayerHead.mark)
            },
            created: fields.created, made: mark.modified, directory: directory)
    }
}
