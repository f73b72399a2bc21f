public import Diagnostics
public import SystemPackage

/// Every path that a stack of trees shows, without mounting it: whiteouts and opaque directories are honoured as overlayfs does.
public struct MergedTree: Sendable {
    /// One visible path and the tree it comes from.
    public struct Item: Sendable {
        /// Its `firstLink` counts in its own tree, and opaque directories stay marked.
        public let entry: TreeEntry
        public let root: FilePath
    }

    /// Sorted by path, the root first.
    public let items: [Item]

    /// - Parameter roots: topmost first.
    /// - Throws: as `TreeScanner.scan`.
    public init(_ roots: [FilePath]) throws(ProvisionError) {
        var visible: [TreePath: Item] = [:]
        // Where lower trees end: what is removed, what isn't a directory, what is opaque.
        var ends: Set<TreePath> = []
        for root in roots {
            var newEnds: Set<TreePath> = []
            for entry in try TreeScanner.scan(root).entries {
                if entry.kind != .directory || entry.isOpaque { newEnds.insert(entry.path) }
                if visible[entry.path] != nil || entry.isWhiteout || MergedTree.isHidden(entry.path, below: ends) { continue }
                visible[entry.path] = Item(entry: entry, root: root)
            }
            ends.formUnion(newEnds)
        }
        items = visible.values.sorted { $0.entry.path < $1.entry.path }
    }

    private static func isHidden(_ path: TreePath, below ends: Set<TreePath>) -> Bool {
        var here: TreePath? = path
        while let place = here {
            if ends.contains(place) { return true }
            here = place.parent
        }
        return false
    }
}
