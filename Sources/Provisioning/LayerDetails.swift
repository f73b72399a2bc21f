internal import Layers
public import Model
internal import SystemPackage

/// The document of `provision show LAYER --json`: the manifest, and what only this state knows.
public struct LayerDetails: Encodable, Sendable {
    public var manifest: LayerManifest
    /// Of the layer's tree.
    public var path: String
    /// When it came to be here: seconds since 1970.
    public var made: Int64
    public var disk: DiskUse
    /// The machine of the same name, where there is one: what the layer's runs without another name make.
    public var machine: MachineSummary?

    private enum CodingKeys: String, CodingKey { case path, made, disk, machine }

    init(_ layer: Layer, in store: LayerStore) throws {
        manifest = layer.manifest
        path = layer.tree.string
        made = try layer.made
        disk = try store.diskUse(of: layer)
    }

    public func encode(to encoder: any Encoder) throws {
        try manifest.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(path, forKey: .path)
        try container.encode(made, forKey: .made)
        try container.encode(disk, forKey: .disk)
        try container.encodeIfPresent(machine, forKey: .machine)
    }
}
