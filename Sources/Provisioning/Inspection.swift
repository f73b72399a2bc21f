internal import Diagnostics
internal import Layers
public import Model
internal import System

/// Looks into layers: what one holds of its own, and in what two differ.
public struct Inspection {
    private let store: LayerStore

    public init(context: Context) { store = LayerStore(state: context.state, progress: context.progress) }

    /// The paths of one layer's own tree, sorted, without the root.
    ///
    /// - Throws: `.notFound` with the nearest name.
    public func files(of name: String) throws -> [LayerFile] {
        let layer = try store.layer(named: name)
        let differences = Dictionary(layer.differences.map { ("/" + $0.path, $0) }) { first, _ in first }
        return try TreeScanner.scan(layer.tree).entries.dropFirst().map { entry in
            var file = LayerFile(entry)
            if let difference = differences[file.path] {
                (file.size, file.difference) = (difference.size, difference.storedSize)
            }
            return file
        }
    }

    /// What changes on the way from one layer to another: packages by the manifests of their chains, files in the merged views.
    public func comparison(of old: String, with new: String) throws -> LayerComparison {
        let (old, new) = (try store.chain(named: old), try store.chain(named: new))
        let files = try TreeComparison.differences(from: MergedTree(old.trees), to: MergedTree(new.trees))
        return LayerComparison(
            from: old.top.name, to: new.top.name,
            packages: PackageComparison(from: Inspection.packages(old), to: Inspection.packages(new)),
            files: files.map {
                LayerComparison.File(
                    path: $0.path.description, change: $0.change.rawValue, differs: $0.aspects.map(\.rawValue))
            })
    }

    /// Packages of a chain. One that a layer brings takes the place of the same name and architecture below.
    static func packages(_ chain: LayerChain) -> [NEVRA] {
        var result: [NEVRA] = []
        for layer in chain.layers.reversed() {
            let own = layer.manifest.packages.map(\.nevra)
            let replaced = Set(own.map(PackageComparison.key))
            let removed = Set(layer.manifest.removedPackages ?? [])
            result = result.filter { !replaced.contains(PackageComparison.key($0)) && !removed.contains($0) } + own
        }
        return result
    }
}

/// One path of `provision files --json`.
public struct LayerFile: Encodable, Sendable, Equatable {
    public enum Kind: String, Encodable, Sendable {
        case file, directory, link, fifo, socket, character, block
        /// The layer removes what its parents have at this path.
        case whiteout
    }

    public var path: String
    public var type: Kind
    /// Permission bits in octal, four digits.
    public var mode: String
    public var owner: UInt32
    public var group: UInt32
    public var size: UInt64
    /// Bytes that the layer keeps of it, where that is its difference from what the layers below have.
    public var difference: UInt64?
    /// Where a link leads.
    public var target: String?
    /// `major:minor`.
    public var device: String?
    /// For a further path of a hard-linked file.
    public var hardLink: Bool?
    /// For a directory that hides all that its parents have there.
    public var opaque: Bool?
    /// Names of extended attributes, overlayfs' own left out.
    public var attributes: [String]?

    init(_ entry: TreeEntry) {
        path = entry.path.description
        let octal = String(entry.mode, radix: 8)
        mode = String(repeating: "0", count: max(0, 4 - octal.count)) + octal
        (owner, group, size) = (entry.owner, entry.group, entry.size)
        switch entry.kind {
        case .file: type = .file
        case .directory: type = .directory
        case .fifo: type = .fifo
        case .socket: type = .socket
        case .link(let bytes):
            type = .link
            target = String(decoding: bytes, as: UTF8.self)
        case .character(let number):
            type = entry.isWhiteout ? .whiteout : .character
            device = entry.isWhiteout ? nil : "\(number.major):\(number.minor)"
        case .block(let number):
            type = .block
            device = "\(number.major):\(number.minor)"
        }
        if entry.firstLink != nil { hardLink = true }
        if entry.isOpaque { opaque = true }
        let names = entry.attributes.map(\.name).filter { !$0.hasPrefix("trusted.overlay.") }
        if !names.isEmpty { attributes = names }
    }
}

/// The document of `provision diff --json`.
public struct LayerComparison: Encodable, Sendable {
    public struct File: Encodable, Sendable {
        public var path: String
        /// `added`, `removed` or `changed`.
        public var change: String
        /// What differs of a changed path: `type`, `mode`, `owner`, `size`, `content`, `target`, `device`, `attributes`.
        public var differs: [String]
    }

    public var from: String
    public var to: String
    public var packages: PackageComparison
    public var files: [File]
}

/// In what two sets of packages differ, sorted by name.
public struct PackageComparison: Encodable, Sendable, Equatable {
    public struct Change: Encodable, Sendable, Equatable {
        public var name: String
        public var arch: String
        /// `[epoch:]version-release`.
        public var from: String
        public var to: String
    }

    public var added: [NEVRA] = []
    public var removed: [NEVRA] = []
    public var changed: [Change] = []

    private enum CodingKeys: String, CodingKey { case added, removed, changed }

    static func key(_ package: NEVRA) -> String { "\(package.name).\(package.arch)" }

    /// A package counts as changed where either side has one version of it; of several (kernels) each comes or goes.
    init(from old: [NEVRA], to new: [NEVRA]) {
        let (before, after) = (Set(old), Set(new))
        let gone = Dictionary(grouping: before.subtracting(after), by: PackageComparison.key)
        let come = Dictionary(grouping: after.subtracting(before), by: PackageComparison.key)
        for key in Set(gone.keys).union(come.keys).sorted() {
            let (from, to) = (gone[key] ?? [], come[key] ?? [])
            if from.count == 1, to.count == 1 {
                changed.append(Change(name: from[0].name, arch: from[0].arch, from: from[0].evr, to: to[0].evr))
            } else {
                removed += from.sorted { $0.description < $1.description }
                added += to.sorted { $0.description < $1.description }
            }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(added.map(\.description), forKey: .added)
        try container.encode(removed.map(\.description), forKey: .removed)
        try container.encode(changed, forKey: .changed)
    }
}
