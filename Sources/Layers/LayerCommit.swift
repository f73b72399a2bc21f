public import Diagnostics
internal import Glibc
public import Model
internal import System
internal import SystemPackage

extension LayerStore {
    /// Makes what was staged a layer: cleans and measures it, writes its manifest, syncs once, renames.
    ///
    /// - Parameters:
    ///   - replacing: whether a layer of that name goes (`--fresh`); it stays where others need it.
    ///   - rules: what to leave out; `.none` for a tree that must stay as it is.
    ///   - time: seconds since 1970 that what was written since the staging began gets; nil leaves the clock's.
    ///   - manifest: makes the manifest of what was measured; its digest, size and count become those.
    /// - Throws: `.conflict` where a layer of that name exists (and isn't to be replaced, or is needed) or the parent changed
    ///   meanwhile; `.interrupted` by a signal before the rename. The staging is the caller's to discard then.
    public func commit(
        _ staging: Staging, replacing: Bool = false, rules: DeltaRules, time: Int64? = nil,
        progress: any ProgressSink = SilentProgress(),
        manifest: (TreeMeasure) throws -> LayerManifest
    ) throws -> Layer {
        let tree = try clean(staging, rules: rules, time: time, progress: progress)
        let maker = try DifferenceMaker(
            tree, rules: rules, lower: staging.chain?.trees ?? [], layer: staging.layerDirectory, derived: staging.derivedTree)
        let contents = try TreeDigest.contents(of: tree)
        let measure = TreeDigest.measure(tree, contents: contents)
        var manifest = try manifest(measure)
        try share(tree, of: manifest, progress)
        manifest.set(measure, try maker.finish(contents))
        return try commit(staging, manifest: manifest, replacing: replacing)
    }

    /// Reads ahead what a commit on these layers asks for: digests of the files that are kept as differences from them, of those that a
    /// rule names without wildcards. May run while the tree is still being filled.
    public func readAhead(below chain: LayerChain, rules: DeltaRules) throws(ProvisionError) {
        let below = MergedView(trees: chain.trees)
        for path in rules.differences.compactMap(\.pattern.onlyPath) {
            guard let file = try below.file(showing: path), file.size <= DifferenceFile.largest else { continue }
            _ = try LayerStore.digests.digest(ofFileAt: file.place)
        }
    }

    /// What `commit` would make of a staging, every file whole, without a name in the store: to be shipped, and discarded with
    /// the staging, which stays the caller's.
    public func measure(
        _ staging: Staging, rules: DeltaRules, progress: any ProgressSink = SilentProgress(),
        manifest: (TreeMeasure) throws -> LayerManifest
    ) throws -> Layer {
        let measure = try TreeDigest.measure(try clean(staging, rules: rules, time: nil, progress: progress))
        return Layer(manifest: try manifest(measure), directory: staging.layerDirectory)
    }

    private func clean(
        _ staging: Staging, rules: DeltaRules, time: Int64?, progress: any ProgressSink
    ) throws -> Tree {
        try staging.unmountOverlay()
        let lower = staging.chain?.trees ?? []
        let (tree, report) = try TreeCleaner(rules: rules, lower: lower, began: staging.began, time: time)
            .clean(staging.tree)
        for line in report.lines { progress.detail(line) }
        return tree
    }

    /// Links what other layers hold as well.
    private func share(
        _ tree: Tree, of manifest: LayerManifest, _ progress: any ProgressSink = SilentProgress()
    ) throws(ProvisionError) {
        if manifest.packages.isEmpty { return }
        // What is below and the same isn't in the tree.
        let sharing = FileSharing(for: manifest, among: try heads().filter { $0.name != manifest.parent?.name })
        if sharing.donors.isEmpty { return }
        let saved = try sharing.share(tree)
        guard saved > 0 else { return }
        progress.detail("\(formatted(bytes: saved)) are shared with \(sharing.donors.map(\.name).joined(separator: ", "))")
    }

    /// Makes a layer of a tree that was unpacked, which must be what `manifest` says.
    ///
    /// - Parameters:
    ///   - rules: which files of a tree that came whole are kept as differences; one that came with differences stays as it is.
    ///   - check: compares the measure of the whole tree with the manifest, and throws where they differ.
    /// - Throws: as the other; `.verification` where a difference doesn't make what it should.
    public func commitUnpacked(
        _ staging: Staging, manifest: LayerManifest, rules: DeltaRules = .none, check: (TreeMeasure) throws -> Void
    ) throws -> Layer {
        var manifest = manifest
        let (tree, _) = try TreeCleaner(rules: .none, lower: []).clean(staging.tree)
        let lower = try manifest.parent.map { try chain(named: $0.name).trees } ?? []
        try share(tree, of: manifest)
        if let differences = manifest.differences {
            let whole = WholeTree(layer: staging.layerDirectory, differences: differences, lower: lower)
            try whole.make(at: staging.derivedTree)
            try check(try TreeDigest.measure(staging.derivedTree))
        } else {
            let maker = try DifferenceMaker(
                tree, rules: rules, lower: lower, layer: staging.layerDirectory, derived: staging.derivedTree)
            let contents = try TreeDigest.contents(of: tree)
            let measure = TreeDigest.measure(tree, contents: contents)
            try check(measure)
            manifest.set(measure, try maker.finish(contents))
        }
        return try commit(staging, manifest: manifest, replacing: false)
    }

    /// The rename and what leads to it, for a tree that is clean and whose digest is known.
    func commit(
        _ staging: Staging, manifest: LayerManifest, replacing: Bool
    ) throws(ProvisionError) -> Layer {
        try LayerName.check(manifest.name)
        let target = layersDirectory.appending(manifest.name)
        try Files.makeDirectory(layersDirectory, mode: 0o700)
        try Files.write(ManifestFile.encode(manifest), to: staging.layerDirectory.appending("layer.json"))
        try LayerSeal.write(in: staging.layerDirectory)
        try Interruption.check()
        try Files.syncFileSystem(holding: staging.layerDirectory)
        let lock = try lockStore()
        try checkParent(of: manifest)
        let layer = Layer(manifest: manifest, directory: target)
        if replacing, let existing = try layerIfPresent(manifest.name) {
            try refuseIfNeeded(existing, to: "replace")
            if layer.completeTree != layer.tree { try publish(staging, as: layer) }
            // The old one lands in the staging, which is discarded below.
            try Files.exchange(staging.layerDirectory, target)
        } else {
            guard !Files.exists(target) else {
                throw ProvisionError(
                    .conflict, "a layer \"\(manifest.name)\" exists already",
                    hint:
                        "choose another name with --name, replace it with --fresh, or remove it: provision rm \(manifest.name)")
            }
            if layer.completeTree != layer.tree { try publish(staging, as: layer) }
            try Files.renameExclusively(staging.layerDirectory, to: target)
        }
        // A layer that was told to be there is there after a loss of power too.
        try Files.syncDirectory(layersDirectory)
        _ = consume lock
        try staging.discard()
        return layer
    }

    /// A layer with the same content under another name, at once and (nearly) without using room.
    ///
    /// Files of the two trees are the same inodes (hard links; a reflink or a copy where a file has as many links as its file
    /// system allows): nothing ever writes into a tree, containers and builds write into uppers of their own. Directories are
    /// the clone's own. `du` counts the shared files once when it sees both trees.
    public func clone(
        _ layer: Layer, as name: String, command: String
    ) throws(ProvisionError) -> Layer {
        try LayerName.check(name)
        let staging = try stage("\(command): copying \(layer.name)")
        do throws(ProvisionError) {
            try TreeCloner(source: layer.tree, destination: staging.tree).clone()
            for index in layer.differences.indices {
                let copy = DifferenceFile.path(index, in: staging.layerDirectory)
                try Files.makeDirectory(copy.removingLastComponent())
                try check(link(layer.differenceFile(index).string, copy.string), "link", copy)
            }
            var manifest = layer.manifest
            manifest.name = name
            manifest.command = command
            return try commit(staging, manifest: manifest, replacing: false)
        } catch {
            try staging.discard()
            throw error
        }
    }

    /// Removes a layer that nobody needs. It is out of the list by one rename; a crash while its files go leaves garbage for the
    /// next sweep, never half a layer.
    ///
    /// - Throws: `.notFound`; `.conflict` that names the layers, machines, mounts and builds that need it.
    public func remove(_ name: String) throws(ProvisionError) {
        let staging: Staging
        do {
            let lock = try lockStore()
            let layer = try layer(named: name)
            let twins = layer.name == name ? [] : try heads().filter { $0.digest == layer.digest && $0.name != layer.name }
            guard twins.isEmpty else {
                throw ProvisionError(
                    .usage, "several layers have the digest \"\(name)\"", hint: "say which by its name",
                    causes: [layer.name] + twins.map(\.name))
            }
            try refuseIfNeeded(layer, to: "remove")
            staging = try stage("provision rm \(name)")
            try Files.renameExclusively(layer.directory, to: staging.directory.appending("removed"))
            _ = consume lock
        }
        try staging.discard()
        _ = try sweepDerivedTrees()
    }

    /// - Throws: `.conflict` that names the layers, machines, mounts and builds that need the layer.
    public func refuseIfNeeded(_ layer: Layer, to verb: String) throws(ProvisionError) {
        let users = try users(of: layer)
        if users.isEmpty { return }
        throw ProvisionError(
            .conflict, "cannot \(verb) the layer \"\(layer.name)\": it is in use", hint: users.hint, causes: users.causes)
    }

    private func checkParent(of manifest: LayerManifest) throws(ProvisionError) {
        guard let parent = manifest.parent else { return }
        let found = try layerIfPresent(parent.name)
        guard found?.digest == parent.digest else {
            throw ProvisionError(
                .conflict, "the layer \"\(parent.name)\" was \(found == nil ? "removed" : "replaced") meanwhile",
                causes: ["made on \(parent.digest)"] + (found.map { ["here is \($0.digest)"] } ?? []))
        }
    }
}

extension LayerManifest {
    /// What is so of the whole tree, and what is kept as differences.
    fileprivate mutating func set(_ measure: TreeMeasure, _ differences: [Difference]) {
        (digest, size, fileCount) = (measure.digest, measure.size, measure.fileCount)
        schema = differences.isEmpty ? 1 : ManifestFile.schema
        self.differences = differences.isEmpty ? nil : differences
        size -= differences.reduce(0) { $0 + $1.size }
        size += differences.reduce(0) { $0 + $1.storedSize }
    }
}
