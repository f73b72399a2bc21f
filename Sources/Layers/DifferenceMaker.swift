internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// Replaces files of a staged application's tree by their differences from the layers below.
///
/// What it leaves: in the tree an empty file with the whole one's owner, mode, time and attributes; in the layer's `deltas` the
/// difference; in `derived` the whole tree, by hard links.
struct DifferenceMaker {
    let rules: DeltaRules
    /// Trees of the layers below, topmost first, every file whole.
    let lower: [FilePath]
    /// The staged layer's directory, with `tree` in it.
    let layer: FilePath
    /// Where the whole tree goes: a path that isn't there yet, on the same file system.
    let derived: FilePath

    private struct Candidate {
        let entry: TreeEntry
        let path: String
        let below: FilePath
    }

    /// - Parameter tree: the staged tree as it was cleaned.
    func replaceFiles(of tree: Tree) throws(ProvisionError) -> [LayerManifest.Difference] {
        var differences: [LayerManifest.Difference] = []
        var replaced: [TreeEntry] = []
        for candidate in try candidates(in: tree) {
            let whole = FilePath(tree.root.string + candidate.entry.path.description)
            try Files.makeDirectory(layer.appending("deltas"))
            let file = DifferenceFile.path(differences.count, in: layer)
            try DifferenceFile.make(from: candidate.below, to: whole, at: file)
            let (stored, storedSize) = try digest(ofFileAt: file)
            // Not worth the work of making it whole again.
            guard storedSize < candidate.entry.size / 2 else {
                try Files.remove(file)
                continue
            }
            differences.append(
                .init(
                    path: candidate.path, size: candidate.entry.size, digest: try digest(ofFileAt: whole).digest,
                    from: try digest(ofFileAt: candidate.below).digest, storedSize: storedSize, stored: stored))
            replaced.append(candidate.entry)
        }
        guard !replaced.isEmpty else {
            try Files.remove(layer.appending("deltas"))
            return []
        }
        try Files.makeDirectory(derived, mode: 0o755)
        try TreeCloner(source: tree.root, destination: derived).clone()
        for entry in replaced {
            let empty = layer.appending("empty")
            try Files.write([], to: empty)
            try tree.put(empty, at: entry)
        }
        return differences
    }

    /// Regular files that a rule names and that the layers below have as a regular file too. A path that isn't text, and a file
    /// with further links in the tree, stay whole.
    private func candidates(in tree: Tree) throws(ProvisionError) -> [Candidate] {
        if lower.isEmpty || rules.differences.isEmpty { return [] }
        let links = tree.linkCounts
        let below = MergedView(trees: lower)
        var candidates: [Candidate] = []
        for (index, entry) in tree.entries.enumerated() where entry.kind == .file && links[index] == 1 {
            guard rules.differences.contains(where: { $0.applies(to: entry) }), entry.size <= DifferenceFile.largest,
                let path = String(validating: entry.path.bytes, as: UTF8.self), let root = try below.tree(showing: entry.path)
            else { continue }
            let lowerEntry = try TreeScanner.entry(entry.path, in: root).0
            guard lowerEntry.kind == .file, (1...DifferenceFile.largest).contains(lowerEntry.size) else { continue }
            candidates.append(Candidate(entry: entry, path: path, below: FilePath(root.string + entry.path.description)))
        }
        return candidates
    }
}

extension Tree {
    /// Puts `file` in the place of the entry's file and gives it the entry's metadata; the directory keeps its time.
    func put(_ file: FilePath, at entry: TreeEntry) throws(ProvisionError) {
        let place = FilePath(root.string + entry.path.description)
        try check(rename(file.string, place.string), "replace", place)
        try entry.apply(to: entry.path, in: root)
        guard let parent = entry.path.parent, let directory = entries.first(where: { $0.path == parent }) else { return }
        try withHostPath(parent) { (host) throws(ProvisionError) in try setTime(directory.modified, at: host) }
    }
}
