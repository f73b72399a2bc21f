public import Diagnostics
internal import Glibc
internal import Model
internal import System
public import SystemPackage

/// STATE/derived: whole trees of layers that keep files as differences. Each can be made again from its layer and those below.
extension LayerStore {
    var derivedDirectory: FilePath { state.appending("derived") }

    /// The layer's tree with every file whole, made now where it isn't there: what overlays and images of any runtime are made of.
    ///
    /// - Throws: `.verification` where a difference or a layer below was changed on disk; as `chain(of:)` for a broken layer.
    public func completeTree(of layer: Layer) throws(ProvisionError) -> FilePath {
        try chain(of: layer).trees[0]
    }

    /// Makes the whole trees of a chain that aren't there.
    func makeDerivedTrees(of chain: LayerChain) throws(ProvisionError) {
        for (index, layer) in chain.layers.enumerated().reversed() where !Files.exists(layer.completeTree) {
            guard Files.exists(layer.tree) else { continue }
            let staging = try stage("making the files of \(layer.name) whole")
            do throws(ProvisionError) {
                let lower = chain.layers[(index + 1)...].map(\.completeTree)
                try WholeTree(layer: layer.directory, differences: layer.differences, lower: lower).make(
                    at: staging.derivedTree)
                try Files.syncFileSystem(holding: staging.directory)
                try publish(staging, as: layer)
            } catch {
                try staging.discard()
                throw error
            }
            try staging.discard()
        }
    }

    /// Gives a staged whole tree its place; one that is there already is the same.
    func publish(_ staging: Staging, as layer: Layer) throws(ProvisionError) {
        // A clone's is made when it is needed, unless it is there already.
        guard Files.exists(staging.derivedTree) else { return }
        try Files.makeDirectory(derivedDirectory, mode: 0o700)
        do throws(ProvisionError) {
            try Files.renameExclusively(staging.derivedTree.removingLastComponent(), to: layer.derived)
        } catch {
            guard error.code == .conflict else { throw error }
        }
    }

    /// Removes whole trees of layers that are gone; the digests that they were of.
    func sweepDerivedTrees() throws(ProvisionError) -> [String] {
        let names = try Files.names(in: derivedDirectory)
        if names.isEmpty { return [] }
        // Nobody commits meanwhile: a commit gives the whole tree its place before the layer gets its own.
        let lock = try lockStore()
        let needed = Set(try heads().map(\.digest.hex))
        let unneeded = names.filter { !needed.contains($0) }
        guard !unneeded.isEmpty else { return [] }
        // By a rename each: half of one would be taken for a whole one by the next layer of that content.
        let staging = try stage("removing derived trees")
        for name in unneeded {
            try Files.renameExclusively(derivedDirectory.appending(name), to: staging.directory.appending(name))
        }
        _ = consume lock
        try staging.discard()
        return unneeded
    }
}
