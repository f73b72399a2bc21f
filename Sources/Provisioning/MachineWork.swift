internal import Containers
internal import Diagnostics
internal import Glibc
internal import Installing
internal import Layers
public import Model
internal import System
internal import SystemPackage

/// What is done with a machine's changes: shown, copied, made a layer.
public struct MachineWork {
    private let context: Context
    private let store: LayerStore
    private let machines: MachineStore

    public init(context: Context) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
        machines = MachineStore(state: context.state)
    }

    /// `provision cp`: either side as MACHINE:PATH or a path of the host.
    ///
    /// The process must be in a mount namespace of its own.
    public func copy(_ source: String, to destination: String) throws {
        let here = Files.absolute(".").string
        try ContainerEngine(state: context.state, progress: context.progress).copy(
            CopyPlace(parsing: source, workingDirectory: here), to: CopyPlace(parsing: destination, workingDirectory: here)
        ) { machine in try chain(of: machine).trees }
    }

    /// What a machine changed of the layers that it stands on: packages by the rpm database, files in the merged view.
    ///
    /// The process must be in a mount namespace of its own.
    /// - Throws: `.notFound` for an unknown machine, `.usage` for one without an upper directory.
    public func changes(of name: String) throws -> LayerComparison {
        let machine = try machines.machine(named: name)
        let chain = try chain(of: machine)
        let trees = try [upper(of: machine)] + chain.trees
        let differences = try TreeComparison.differences(from: MergedTree(chain.trees), to: MergedTree(trees))
        let before = Inspection.packages(chain)
        let view = try TemporaryDirectory()
        try OverlayMount(lower: trees).mount(at: view.path)
        defer { try? unmount(view.path, lazily: true) }
        let after = try packages(in: view.path, upper: trees[0], chain, parking: false)?.map(\.nevra) ?? before
        return LayerComparison(
            from: chain.top.name, to: name, packages: PackageComparison(from: before, to: after),
            files: differences.map {
                LayerComparison.File(
                    path: $0.path.description, change: $0.change.rawValue, differs: $0.aspects.map(\.rawValue))
            })
    }

    /// Makes an app layer of what a stopped machine changed; the machine stays as it is.
    ///
    /// The process must be in a mount namespace of its own.
    /// - Throws: `.conflict` where it runs or a layer of that name exists, `.unsatisfiable` where it changed nothing.
    public func commit(_ name: String, name layerName: String) throws -> LayerManifest {
        try LayerName.check(layerName)
        let machine = try machines.machine(named: name)
        let chain = try chain(of: machine)
        if try store.layerIfPresent(layerName) != nil {
            throw ProvisionError(
                .conflict, "a layer \"\(layerName)\" exists already",
                hint: "choose another name, or remove it: provision rm \(layerName)")
        }
        let command = "provision commit \(name) --name \(layerName)"
        return try withStaged(machine, on: chain, words: "commit") { staging in
            let manifest = try manifest(of: machine, in: staging, on: chain, as: layerName, command: command)
            return try store.commit(
                staging, rules: DeltaRules(contentsOf: context.deltaRules), progress: context.progress, manifest: manifest
            ).manifest
        }
    }

    /// What a stopped machine changed as an app layer that the store doesn't hold, on the layers that the machine stands on; gone
    /// when `body` returns.
    ///
    /// The process must be in a mount namespace of its own.
    /// - Throws: as `commit`.
    func withLayer<Result>(of name: String, words: String, _ body: (LayerChain) throws -> Result) throws -> Result {
        let machine = try machines.machine(named: name)
        let chain = try chain(of: machine)
        return try withStaged(machine, on: chain, words: words) { staging in
            let manifest = try manifest(of: machine, in: staging, on: chain, as: name, command: "provision \(words) \(name)")
            let layer = try store.measure(
                staging, rules: DeltaRules(contentsOf: context.deltaRules), progress: context.progress, manifest: manifest)
            let result = try body(LayerChain(layers: [layer] + chain.layers))
            try staging.discard()
            return result
        }
    }

    /// A copy of what a stopped machine changed, in a staging that is discarded where `body` throws.
    private func withStaged<Result>(
        _ machine: Machine, on chain: LayerChain, words: String, _ body: (Staging) throws -> Result
    ) throws -> Result {
        try machines.withStopped(machine, words: words) {
            let staging = try store.stage("provision \(words) \(machine.record.name)")
            do {
                try TreeCloner(source: upper(of: machine), destination: staging.tree).copy()
                try staging.mountOverlay(on: chain)
                return try body(staging)
            } catch {
                try staging.discard()
                throw error
            }
        }
    }

    /// Makes the manifest of a machine's changes, once they are measured.
    private func manifest(
        of machine: Machine, in staging: Staging, on chain: LayerChain, as name: String, command: String
    ) throws -> (TreeMeasure) throws -> LayerManifest {
        let before = Inspection.packages(chain)
        let after = try packages(in: staging.root, upper: staging.tree, chain, parking: true)
        let added = after?.filter { !before.contains($0.nevra) } ?? []
        let removed = after.map { after in before.filter { !after.map(\.nevra).contains($0) } } ?? []
        let parent = LayerManifest.Parent(name: chain.top.name, digest: chain.top.digest)
        return { measure in
            guard measure.fileCount > 0 else {
                throw ProvisionError(
                    .unsatisfiable, "the machine \"\(machine.record.name)\" changed nothing that a layer keeps",
                    hint: "provision diff \(machine.record.name) shows all of it")
            }
            let top = chain.top.manifest
            var manifest = LayerManifest(
                name: name, kind: .app, release: top.release, arch: top.arch, parent: parent, digest: measure.digest,
                // No request leads here: the same content is the only thing that is the same.
                request: measure.digest, command: command, created: Int64(time(nil)),
                database: chain.layers.lazy.compactMap(\.manifest.database).first, yumConfiguration: top.yumConfiguration,
                packages: added.map { MachineWork.planned($0, from: "@machine") }, patches: [], warnings: [],
                size: measure.size,
                fileCount: measure.fileCount)
            if !removed.isEmpty { manifest.removedPackages = removed }
            return manifest
        }
    }

    /// What the rpm database of a merged view lists; nil where the upper holds nothing of it, so that nothing can have changed.
    private func packages(
        in root: FilePath, upper: FilePath, _ chain: LayerChain, parking: Bool
    ) throws -> [InstalledPackage]? {
        guard let database = chain.layers.lazy.compactMap(\.manifest.database).first else { return nil }
        let own = FilePath(upper.string + database.path)
        guard Files.isDirectory(own), try !Files.names(in: own).isEmpty else { return nil }
        return try Installer().describePackages(root: root, database: database, parking: parking)
    }

    /// No repository tells of it any more: its header's digest stands for the file's.
    static func planned(_ package: InstalledPackage, from origin: String) -> PlannedPackage {
        PlannedPackage(
            nevra: package.nevra, repository: origin, location: "", checksum: package.headerDigest, size: 0,
            installedSize: package.installedSize, summary: package.summary,
            reason: .requested(spec: package.nevra.name))
    }

    private func chain(of machine: Machine) throws -> LayerChain {
        let name = machine.record.name
        guard let parent = machine.record.layer else {
            throw ProvisionError(
                .usage, "the machine \"\(name)\" stands on a directory, which it changes itself",
                hint: "only machines on layers keep their changes apart")
        }
        let layer = try store.layer(named: parent.name)
        guard layer.digest == parent.digest else {
            throw ProvisionError(
                .conflict, "the machine \"\(name)\" was made on another layer \"\(parent.name)\"",
                causes: ["made on \(parent.digest)", "here is \(layer.digest)"])
        }
        return try store.chain(of: layer)
    }

    private func upper(of machine: Machine) throws -> FilePath {
        let upper = machines.directory.appending(machine.record.name.text).appending("upper")
        guard Files.isDirectory(upper) else {
            throw ProvisionError(
                .notFound, "the machine \"\(machine.record.name)\" keeps no changes", hint: "it was started with --ephemeral")
        }
        return upper
    }
}
