internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// A layer's tree with the files that it keeps as differences made whole: a copy by hard links, in which those files are its own.
struct WholeTree {
    /// A directory with `tree` and `deltas`: a layer's, or a staged one's.
    let layer: FilePath
    let differences: [LayerManifest.Difference]
    /// Trees of the layers below, topmost first, every file whole.
    let lower: [FilePath]

    /// Makes it at `place`, a path that isn't there yet, on the same file system.
    ///
    /// - Throws: `.verification` where a difference is damaged, doesn't belong to its place, or is one from another file than
    ///   the layers below have.
    func make(at place: FilePath) throws(ProvisionError) {
        let tree = try TreeScanner.scan(layer.appending("tree"))
        let links = tree.linkCounts
        try Files.makeDirectory(place, mode: 0o755)
        try TreeCloner.clone(tree, to: place)
        let copy = Tree(root: place, entries: tree.entries)
        for (index, difference) in differences.enumerated() {
            let path = TreePath(difference.path)
            guard let position = tree.entries.firstIndex(where: { $0.path == path }), links[position] == 1,
                tree.entries[position].kind == .file, tree.entries[position].size == 0
            else {
                throw ProvisionError(.verification, "there is no empty file at \"\(path)\" that a difference could make whole")
            }
            let whole = FilePath(place.string + ".whole-\(index)")
            try restore(difference, index, at: whole)
            try copy.put(whole, at: tree.entries[position])
        }
    }

    private func restore(
        _ difference: LayerManifest.Difference, _ index: Int, at whole: FilePath
    ) throws(ProvisionError) {
        let path = TreePath(difference.path)
        guard let below = try MergedView(trees: lower).file(showing: path)?.place else {
            throw ProvisionError(
                .verification, "the layers below have no file \"\(path)\", from which a difference is kept")
        }
        let found = try digest(ofFileAt: below).digest
        guard found == difference.from else {
            throw ProvisionError(
                .verification, "\"\(path)\" of the layers below is another than the one from which a difference is kept",
                hint: "somebody changed \"\(below)\": provision verify tells",
                causes: ["it was \(difference.from)", "it is \(found)"])
        }
        let made = try DifferenceFile.apply(
            DifferenceFile.path(index, in: layer), to: below, at: whole, size: difference.size)
        guard made == difference.digest else {
            throw ProvisionError(
                .verification, "the difference kept of \"\(path)\" makes another file than it should",
                causes: ["it was to be \(difference.digest)", "it is \(made)"])
        }
    }
}
