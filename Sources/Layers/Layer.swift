public import Diagnostics
internal import Glibc
public import Model
internal import System
public import SystemPackage

/// A layer of the store: immutable once it is there.
public struct Layer: Sendable, Equatable {
    public let manifest: LayerManifest
    /// STATE/layers/NAME; a staging's, or a root directory, for one that isn't in the store.
    public let directory: FilePath
    /// The root of a base; an overlay upper for an app. Files that are kept as differences are empty in it: `completeTree`.
    public let tree: FilePath

    public init(manifest: LayerManifest, directory: FilePath) {
        self.manifest = manifest
        self.directory = directory
        tree = directory.appending("tree")
    }

    /// A root directory somewhere as a layer that the store doesn't hold.
    public init(manifest: LayerManifest, ofRoot root: FilePath) {
        self.manifest = manifest
        directory = root
        tree = root
    }

    public var name: String { manifest.name }
    public var digest: ContentDigest { manifest.digest }
    /// When it came to be here, as the file system has it: seconds since 1970.
    public var made: Int64 {
        get throws(ProvisionError) {
            var status = stat()
            let file = directory.appending("layer.json")
            try check(lstat(file.string, &status), "look at", file)
            return Int64(status.st_mtim.tv_sec)
        }
    }
    /// The tree with every file whole: the same as `tree` where nothing is kept as a difference, otherwise a derived copy, which
    /// `LayerStore.completeTree(of:)` makes.
    public var completeTree: FilePath { differences.isEmpty ? tree : derived.appending("tree") }

    /// Files that are kept as differences, in the order of their files.
    public var differences: [LayerManifest.Difference] { manifest.differences ?? [] }
    /// STATE/derived/DIGEST: by content, so that clones share it.
    var derived: FilePath {
        directory.removingLastComponent().removingLastComponent().appending("derived").appending(digest.hex)
    }
    func differenceFile(_ index: Int) -> FilePath { DifferenceFile.path(index, in: directory) }
}

/// A layer with all that it stands on.
public struct LayerChain: Sendable, Equatable {
    /// Topmost first; never empty. The last is a base.
    public let layers: [Layer]

    public init(layers: [Layer]) { self.layers = layers }

    public var top: Layer { layers[0] }
    public var base: Layer { layers[layers.count - 1] }
    /// As overlayfs takes them: topmost first, every file whole.
    public var trees: [FilePath] { layers.map(\.completeTree) }
    public var names: [String] { layers.map(\.name) }
}

/// A layer and its children: what `provision tree` draws.
public struct LayerFamily: Sendable, Equatable {
    public let layer: LayerHead
    /// Sorted by name.
    public let children: [LayerFamily]
    /// Why the layer can't be used although it is there: its parent is missing or was replaced by another.
    public let broken: ProvisionError?
}

/// Who needs a layer, so that it can't be removed.
public struct LayerUsers: Sendable, Equatable {
    public var children: [String] = []
    public var machines: [String] = []
    /// Directories where it is mounted.
    public var mounts: [FilePath] = []
    /// Builds under way on top of it: what each says of itself.
    public var builds: [String] = []

    public init() {}

    public var isEmpty: Bool { children.isEmpty && machines.isEmpty && mounts.isEmpty && builds.isEmpty }

    /// One line each.
    var causes: [String] {
        var lines: [String] = []
        if !children.isEmpty { lines.append("layers on top of it: \(children.joined(separator: ", "))") }
        if !machines.isEmpty { lines.append("machines made from it: \(machines.joined(separator: ", "))") }
        if !mounts.isEmpty { lines.append("mounted at: \(mounts.map { "\"\($0)\"" }.joined(separator: ", "))") }
        if !builds.isEmpty { lines.append("builds under way: \(builds.joined(separator: ", "))") }
        return lines
    }

    var hint: String {
        if let child = children.first { return "remove them first: provision rm \(child)" }
        if let machine = machines.first { return "remove them first: provision rm \(machine)" }
        if let mount = mounts.first { return "unmount it first: provision umount \(mount)" }
        return "wait until they are done"
    }
}
