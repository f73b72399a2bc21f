internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// Replaces files of a staged application's tree by their differences from the layers below.
///
/// What it leaves: in the tree an empty file with the whole one's owner, mode, time and attributes; in the layer's `deltas` the
/// difference; in `derived` the whole tree, by hard links.
///
/// The differences are made alongside, from `init` on: what else a commit needs of the whole tree is done meanwhile.
struct DifferenceMaker {
    /// The staged tree as it was cleaned. Nobody changes what its files hold until `finish` returns.
    private let tree: Tree
    /// The staged layer's directory, with `tree` in it.
    private let layer: FilePath
    /// Where the whole tree goes: a path that isn't there yet, on the same file system.
    private let derived: FilePath
    private let candidates: [Candidate]
    private let differences: [Alongside<Void, ProvisionError>]

    private struct Candidate {
        /// The entry's place in the tree.
        let index: Int
        let entry: TreeEntry
        let path: String
        let below: FilePath
        /// Where its difference is made.
        let output: FilePath
    }

    /// - Parameter lower: trees of the layers below, topmost first, every file whole.
    init(
        _ tree: Tree, rules: DeltaRules, lower: [FilePath], layer: FilePath, derived: FilePath
    ) throws(ProvisionError) {
        (self.tree, self.layer, self.derived) = (tree, layer, derived)
        let candidates = try DifferenceMaker.candidates(in: tree, rules, lower, layer)
        self.candidates = candidates
        if !candidates.isEmpty { try Files.makeDirectory(layer.appending("made")) }
        // Each of the threads makes every so manieth.
        let lanes = min(candidates.count, processorCount())
        differences = (0..<lanes).map { lane in
            Alongside { () throws(ProvisionError) in
                for candidate in stride(from: lane, to: candidates.count, by: lanes).map({ candidates[$0] }) {
                    let whole = FilePath(tree.root.string + candidate.entry.path.description)
                    try DifferenceFile.make(from: candidate.below, to: whole, at: candidate.output)
                }
            }
        }
    }

    /// - Parameter contents: the digests of the tree's files, one for each entry.
    func finish(_ contents: [ContentDigest?]) throws(ProvisionError) -> [LayerManifest.Difference] {
        if candidates.isEmpty { return [] }
        try Files.makeDirectory(derived, mode: 0o755)
        try TreeCloner.clone(tree, to: derived)
        let below = try concurrently(candidates.count) { [candidates] (index) throws(ProvisionError) in
            try LayerStore.digests.digest(ofFileAt: candidates[index].below)
        }
        for thread in differences { try thread.value() }

        var differences: [LayerManifest.Difference] = []
        for (candidate, below) in zip(candidates, below) {
            let (stored, storedSize) = try digest(ofFileAt: candidate.output)
            // Not worth the work of making it whole again.
            guard storedSize < candidate.entry.size / 2, let content = contents[candidate.index] else { continue }
            let place = DifferenceFile.path(differences.count, in: layer)
            try Files.makeDirectory(place.removingLastComponent())
            try Files.renameExclusively(candidate.output, to: place)
            differences.append(
                .init(
                    path: candidate.path, size: candidate.entry.size, digest: content, from: below, storedSize: storedSize,
                    stored: stored))
            let empty = layer.appending("empty")
            try Files.write([], to: empty)
            try tree.put(empty, at: candidate.entry)
        }
        try Files.remove(layer.appending("made"))
        if differences.isEmpty { try Files.remove(derived) }
        return differences
    }

    /// Regular files that a rule names and that the layers below have as a regular file too. A path that isn't text, and a file
    /// with further links in the tree, stay whole.
    private static func candidates(
        in tree: Tree, _ rules: DeltaRules, _ lower: [FilePath], _ layer: FilePath
    ) throws(ProvisionError) -> [Candidate] {
        if lower.isEmpty || rules.differences.isEmpty { return [] }
        let links = tree.linkCounts
        let below = MergedView(trees: lower)
        var candidates: [Candidate] = []
        for (index, entry) in tree.entries.enumerated() where entry.kind == .file && links[index] == 1 {
            guard rules.differences.contains(where: { $0.applies(to: entry) }), entry.size <= DifferenceFile.largest,
                let path = String(validating: entry.path.bytes, as: UTF8.self),
                let shown = try below.file(showing: entry.path), (1...DifferenceFile.largest).contains(shown.size)
            else { continue }
            candidates.append(
                Candidate(
                    index: index, entry: entry, path: path, below: shown.place,
                    output: layer.appending("made").appending("\(candidates.count)")))
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
