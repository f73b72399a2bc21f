internal import Configuration
internal import Containers
internal import Diagnostics
internal import Glibc
internal import Images
internal import Installing
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// What is packed or pushed under a target's name: a layer; what a stopped machine changed, as an app layer; or a root directory,
/// as a base.
///
/// The process must be in a mount namespace of its own (`PrivateMounts.enter()`).
struct ShippedTarget {
    private let context: Context
    private let store: LayerStore

    init(context: Context) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
    }

    /// Calls `body` with the layer, and with what tells the chain that it stands on (which needs not be here unless it is asked for).
    ///
    /// - Parameter words: the command's name.
    /// - Throws: `.notFound`; `.conflict` for a machine that runs; what `body` throws.
    func with<Result>(
        _ target: String, words: String, _ body: (Layer, () throws -> LayerChain) throws -> Result
    ) throws -> Result {
        if target.contains("/") {
            let layer = try layer(ofRoot: Files.canonical(FilePath(target)), words: words)
            return try body(layer) { LayerChain(layers: [layer]) }
        }
        let machines = try MachineStore(state: context.state).list()
        if try store.layerIfPresent(target) == nil, machines.contains(where: { $0.record.name.text == target }) {
            return try MachineWork(context: context).withLayer(of: target, words: words) { chain in
                try body(chain.top) { chain }
            }
        }
        let layer = try store.layer(named: target)
        return try body(layer) { try store.chain(of: layer) }
    }

    /// The manifest of a directory that was made by hand or by other tools: its packages are those of the rpm database that it has.
    private func layer(ofRoot root: FilePath, words: String) throws -> Layer {
        // The packer tells of them.
        let tree = try ImagePacker.withoutSockets(TreeScanner.scan(root), SilentProgress())
        let measure = try TreeDigest.measure(tree)
        let database = try installedDatabase(in: root, known: [])
        let packages = try database.map { database in
            try withMergedRoot([root]) { try Installer().describePackages(root: $0, database: database, parking: false) }
        }
        let name = MachineName(derivedFrom: root.lastComponent?.string ?? "root").text
        return Layer(
            manifest: LayerManifest(
                name: name, kind: .base, release: "custom", arch: Architecture.host.basearch, parent: nil,
                digest: measure.digest, request: measure.digest, command: "provision \(words) \(root)",
                created: try SourceDate.requested() ?? Int64(time(nil)), database: database, yumConfiguration: nil,
                packages: (packages ?? []).map { MachineWork.planned($0, from: "@directory") }, patches: [], warnings: [],
                size: measure.size,
                fileCount: measure.fileCount), ofRoot: root)
    }
}
