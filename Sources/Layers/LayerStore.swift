public import Diagnostics
internal import FoundationEssentials
public import Model
internal import Synchronization
public import System
public import SystemPackage

/// The layers of one state directory.
///
/// Reading never waits and takes no lock: a layer appears by one rename and goes by one, so what is listed is whole. STATE/layers
/// is the owner's alone (0700), because trees hold setuid programs and device nodes that belong to containers, not to the host.
public struct LayerStore: Sendable {
    public let state: FilePath
    private let progress: any ProgressSink

    /// - Parameter progress: told of layers that were changed on disk, when they are used.
    public init(state: FilePath, progress: any ProgressSink = SilentProgress()) {
        self.state = Files.absolute(state)
        self.progress = progress
    }

    var layersDirectory: FilePath { state.appending("layers") }
    var stagingDirectory: FilePath { state.appending("staging") }
    var locksDirectory: FilePath { state.appending("locks") }

    // MARK: - Reading

    /// All layers, sorted by name. Only manifests are read.
    public func layers() throws(ProvisionError) -> [Layer] {
        var layers: [Layer] = []
        for name in try Files.names(in: layersDirectory) where !name.hasPrefix(".") {
            // A layer that was removed since the directory was read is none; one without a manifest never was.
            if let layer = try layerIfPresent(name) { layers.append(layer) }
        }
        return layers
    }

    /// A layer by its name, or else by the beginning of its digest: `sha256:` and at least four digits, or at least eight digits.
    ///
    /// - Throws: `.notFound` with the nearest name; `.usage` where several layers' digests begin so.
    public func layer(named name: String) throws(ProvisionError) -> Layer {
        if let layer = try layerIfPresent(name) { return layer }
        if let head = try head(digest: name), let layer = try layerIfPresent(head.name) { return layer }
        let names = try Files.names(in: layersDirectory)
        throw ProvisionError(
            .notFound, "there is no layer \"\(name)\"",
            hint: nearest(to: name, in: names).map { "did you mean \"\($0)\"?" }
                ?? (names.isEmpty ? "make one: provision base" : "see provision list"))
    }

    /// nil where there is none of that name.
    public func layerIfPresent(_ name: String) throws(ProvisionError) -> Layer? {
        guard LayerName.isValid(name) else { return nil }
        let directory = layersDirectory.appending(name)
        let file = directory.appending("layer.json")
        let mark = LayerIndex.Mark(of: file.string)
        if let mark, let layer = LayerStore.manifests.value(file, mark) { return layer }
        guard let bytes = try Files.readIfPresent(file) else { return nil }
        let manifest = try ManifestFile.decode(bytes, from: file.string)
        guard manifest.name == name else {
            throw ProvisionError(.failed, "the manifest \"\(file)\" is that of another layer, \"\(manifest.name)\"")
        }
        let layer = Layer(manifest: manifest, directory: directory)
        if let mark { LayerStore.manifests.remember(layer, file, mark) }
        return layer
    }

    static let manifests = FileMemory<Layer>()

    /// Digests of files that differences are made from.
    static let digests = FileMemory<ContentDigest>()

    /// A layer that answers a request, one called `name` before others.
    public func find(request: ContentDigest, preferring name: String? = nil) throws(ProvisionError) -> Layer? {
        try find(name) { $0.request == request }
    }

    /// A layer with this content, whatever its name; one called `name` before others.
    public func find(digest: ContentDigest, preferring name: String? = nil) throws(ProvisionError) -> Layer? {
        try find(name) { $0.digest == digest }
    }

    private func find(_ name: String?, _ fits: (LayerHead) -> Bool) throws(ProvisionError) -> Layer? {
        let fitting = try heads().filter(fits)
        guard let head = fitting.first(where: { $0.name == name }) ?? fitting.first else { return nil }
        return try layerIfPresent(head.name)
    }

    /// The layer whose digest begins with `text`; the first by name of those that have the same content.
    private func head(digest text: String) throws(ProvisionError) -> LayerHead? {
        let prefix = "sha256:"
        let isMarked = text.hasPrefix(prefix)
        let digits = (isMarked ? String(text.dropFirst(prefix.count)) : text).lowercased()
        guard digits.utf8.count >= (isMarked ? 4 : 8), digits.allSatisfy(\.isHexDigit) else { return nil }
        let fitting = try heads().filter { $0.digest.hex.hasPrefix(digits) }
        guard Set(fitting.map(\.digest)).count <= 1 else {
            throw ProvisionError(
                .usage, "the digests of several layers begin with \"\(text)\"", hint: "give more digits, or a name",
                causes: fitting.map { "\($0.name) \($0.digest)" })
        }
        return fitting.first
    }

    /// A layer and all that it stands on, topmost first, ready to be mounted: the whole trees of layers that keep files as
    /// differences are made where they aren't there.
    ///
    /// - Throws: `.failed` where a parent is missing or isn't the one that the child was made on; both digests are told.
    ///   `.verification` where a difference can't be made whole, because somebody changed a layer on disk.
    public func chain(of layer: Layer) throws(ProvisionError) -> LayerChain {
        let chain = try ancestry(of: layer)
        for layer in chain.layers {
            guard let path = try LayerSeal.change(in: layer.directory), LayerStore.told.isNew(layer.directory) else { continue }
            progress.warn(
                "the layer \"\(layer.name)\" was changed on disk after it was made: \"\(path)\"",
                hint: "provision verify \(layer.name) tells more; make it again with --fresh")
        }
        try makeDerivedTrees(of: chain)
        return chain
    }

    /// As above; nothing is made.
    private func ancestry(of layer: Layer) throws(ProvisionError) -> LayerChain {
        var layers = [layer]
        while let parent = layers[layers.count - 1].manifest.parent {
            guard !layers.contains(where: { $0.name == parent.name }) else {
                throw ProvisionError(.failed, "the layer \"\(parent.name)\" stands on itself")
            }
            let found = try layerIfPresent(parent.name)
            let child = layers[layers.count - 1].name
            if let reason = LayerStore.reasonToRefuse(found?.digest, as: parent, of: child) { throw reason }
            if let found { layers.append(found) }
        }
        return LayerChain(layers: layers)
    }

    public func chain(named name: String) throws(ProvisionError) -> LayerChain {
        try chain(of: try layer(named: name))
    }

    /// Names of layers made directly on `layer`, sorted.
    public func children(of layer: Layer) throws(ProvisionError) -> [String] {
        try heads().filter { $0.parent?.name == layer.name }.map(\.name)
    }

    /// The whole store as families, bases first by name. A layer whose parent is missing stands alone, with the reason.
    public func families() throws(ProvisionError) -> [LayerFamily] {
        let all = try heads()
        let known = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
        let byParent = Dictionary(grouping: all) { $0.parent?.name }
        func family(_ layer: LayerHead, above: Set<String>) -> LayerFamily {
            let children = (byParent[layer.name] ?? []).filter { !above.contains($0.name) }
            return LayerFamily(
                layer: layer, children: children.map { family($0, above: above.union([layer.name])) },
                broken: layer.parent.flatMap { LayerStore.reasonToRefuse(known[$0.name]?.digest, as: $0, of: layer.name) })
        }
        let tops = all.filter { layer in layer.parent.map { known[$0.name] == nil } ?? true }
        return tops.map { family($0, above: []) }
    }

    /// Why what is here (nil for nothing) isn't the parent that a child was made on; nil where it is.
    private static func reasonToRefuse(
        _ found: ContentDigest?, as parent: LayerManifest.Parent, of child: String
    ) -> ProvisionError? {
        guard let found else {
            return ProvisionError(
                .failed, "the layer \"\(child)\" stands on \"\(parent.name)\", which is not there",
                hint: "its digest was \(parent.digest): unpack it, or make it again and then \"\(child)\"")
        }
        if found == parent.digest { return nil }
        return ProvisionError(
            .failed, "the layer \"\(child)\" was made on another \"\(parent.name)\" than the one here",
            hint: "make \"\(child)\" again: provision app … --on \(parent.name) --fresh",
            causes: ["made on \(parent.digest)", "here is \(found)"])
    }

    /// Who needs a layer now.
    public func users(of layer: Layer) throws(ProvisionError) -> LayerUsers {
        var users = LayerUsers()
        users.children = try children(of: layer)
        users.machines = try machines(on: layer.name)
        users.mounts = try MountTable(state: state).mounts().filter { $0.layers.contains(layer.name) }.map(\.directory)
        users.builds = try builds(on: layer.name)
        return users
    }

    /// Layers whose change was told already.
    private static let told = ToldLayers()

    private final class ToldLayers: Sendable {
        private let layers = Mutex<Set<FilePath>>([])

        func isNew(_ layer: FilePath) -> Bool { layers.withLock { $0.insert(layer).inserted } }
    }

    // MARK: - Locks

    /// Takes the name for a run that will make it, waiting for another run that does; `waiting` is told who that is.
    ///
    /// Look for a fitting layer after this returns: the other run may have made it.
    public func lock(
        _ name: String, words: String, waiting: (String) -> Void = { _ in }
    ) throws(ProvisionError) -> FileLock {
        try LayerName.check(name)
        try Files.makeDirectory(locksDirectory)
        return try FileLock.acquire(locksDirectory.appending("\(name).lock"), words: words, waiting: waiting)
    }

    /// Held for moments: while the set of layers changes.
    func lockStore() throws(ProvisionError) -> FileLock {
        try Files.makeDirectory(locksDirectory)
        // A leading dot can't begin a layer's name.
        return try FileLock.acquire(locksDirectory.appending(".store.lock"), words: "changing the set of layers")
    }

    // MARK: - Users

    /// Machines record in machine.json which layer they were made from.
    private func machines(on name: String) throws(ProvisionError) -> [String] {
        struct Record: Decodable { var layer: LayerManifest.Parent? }
        let directory = state.appending("machines")
        var machines: [String] = []
        for machine in try Files.names(in: directory) {
            let file = directory.appending(machine).appending("machine.json")
            guard let bytes = try Files.readIfPresent(file) else { continue }
            do {
                if try JSONDecoder().decode(Record.self, from: Data(bytes)).layer?.name == name { machines.append(machine) }
            } catch {
                throw ProvisionError(.failed, "cannot read \"\(file)\": \(error)")
            }
        }
        return machines
    }
}
