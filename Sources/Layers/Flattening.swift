internal import Diagnostics
internal import Glibc
public import Model
internal import System
internal import SystemPackage

/// A chain made one tree.
public struct FlatTree {
    /// Holds the tree; discard it when it isn't needed any more.
    public let staging: Staging
    /// That of a base with the chain's packages.
    public let manifest: LayerManifest
}

extension LayerStore {
    /// Makes of a chain one tree that stands on nothing, by hard links: what the merged view shows.
    ///
    /// - Parameter words: what is made and by whom, for those who meet the staging.
    public func flatten(_ chain: LayerChain, words: String) throws -> FlatTree {
        let staging = try stage(words)
        do {
            try copy(try MergedTree(chain.trees), to: staging.tree)
            let measure = try TreeDigest.measure(staging.tree)
            return FlatTree(staging: staging, manifest: chain.flatManifest(measure))
        } catch {
            try staging.discard()
            throw error
        }
    }

    private func copy(_ merged: MergedTree, to root: FilePath) throws(ProvisionError) {
        var directories: [TreeEntry] = []
        for item in merged.items {
            try Interruption.check()
            var entry = item.entry
            entry.attributes.removeAll { $0.name == TreeScanner.opaqueAttribute }
            if entry.kind == .directory {
                if !entry.path.isRoot { try TreeCloner.make(entry, in: root) }
                directories.append(entry)
            } else {
                try TreeCloner.link(entry, from: item.root, to: root)
            }
        }
        for entry in directories.reversed() { try entry.apply(to: entry.path, in: root) }
    }
}

extension LayerChain {
    fileprivate func flatManifest(_ measure: TreeMeasure) -> LayerManifest {
        var packages: [PlannedPackage] = []
        var repositories: [LayerManifest.Repository] = []
        for manifest in layers.reversed().map(\.manifest) {
            let replaced = Set(manifest.packages.map { "\($0.nevra.name).\($0.nevra.arch)" })
            packages.removeAll { replaced.contains("\($0.nevra.name).\($0.nevra.arch)") }
            packages += manifest.packages
            repositories += (manifest.repositories ?? []).filter { !repositories.contains($0) }
        }
        var manifest = LayerManifest(
            name: top.name, kind: .base, release: top.manifest.release, arch: top.manifest.arch, parent: nil,
            digest: measure.digest, request: sha256(of: (["whole"] + layers.map(\.digest.description)).joined(separator: "\n")),
            command: layers.reversed().map(\.manifest.command).joined(separator: " && "), created: top.manifest.created,
            database: top.manifest.database, yumConfiguration: base.manifest.yumConfiguration, packages: packages,
            patches: layers.reversed().flatMap(\.manifest.patches).filter { $0.outcome == .applied },
            warnings: layers.reversed().flatMap(\.manifest.warnings), size: measure.size, fileCount: measure.fileCount)
        manifest.repositories = repositories.isEmpty ? nil : repositories
        manifest.builder = top.manifest.builder
        return manifest
    }
}
