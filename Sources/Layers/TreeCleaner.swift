internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Makes a tree that an install left into what a layer keeps: without traces of the building, and an application's without
/// what the layers below say already.
struct TreeCleaner {
    let rules: DeltaRules
    /// Trees of the layers below, topmost first; empty for a base.
    let lower: [FilePath]
    /// What was modified at this time or later is of the build's own making, and gets `time` instead, where there is one.
    var began: Int64 = .max
    var time: Int64?

    /// What was left out, for `-v`.
    struct Report {
        var lines: [String] = []
    }

    /// Cleans the tree at `root` and returns it as it is then.
    ///
    /// Left out: what `rules` name; sockets, whose listener is gone; files that are what the layers below show (content, metadata
    /// and whole seconds of their time: copied up by an open for writing or a chmod to the same mode); whiteouts of what nobody
    /// has; directories that are as below and hold nothing. A directory that stays and is as below has the time of the one
    /// below, since a change of its time says no more than that something in it changed. Attributes that overlayfs keeps for itself (origin, impure …) go, because they speak of inodes of this host. Times
    /// keep their whole seconds only, since that is what archives carry.
    func clean(_ root: FilePath) throws(ProvisionError) -> (Tree, Report) {
        var report = Report()
        let found = try TreeScanner.scan(root)
        let links = found.linkCounts
        let below = MergedView(trees: lower)
        var kept = [Bool](repeating: true, count: found.entries.count)
        var times = found.entries.map(time(of:))
        var opaque: [TreePath] = []
        var needless: Set<Int> = []
        var full: Set<TreePath> = [.root]
        for (index, entry) in found.entries.enumerated() {
            if entry.isOpaque {
                if try hides(entry, within: opaque, below) { opaque.append(entry.path) } else { needless.insert(index) }
            }
            // In a directory that replaces the lower one nothing of the layers below shows.
            let below = opaque.contains { entry.path.isInside($0) } ? MergedView(trees: []) : below
            if let reason = try reasonToLeaveOut(entry, isLinked: links[index] > 1, in: found, below: below) {
                try remove(entry, of: found)
                kept[index] = false
                report.lines.append("left out \(entry.path): \(reason)")
            } else if entry.kind != .directory, let parent = entry.path.parent {
                full.insert(parent)
            }
        }
        // From the leaves up: a directory may hold nothing but such directories.
        for (index, entry) in found.entries.enumerated().reversed() where entry.kind == .directory {
            let below = opaque.contains { entry.path.isInside($0) } ? nil : try same(entry, below)
            if let below { times[index] = below.modified }
            if below != nil, !full.contains(entry.path), !entry.path.isRoot {
                try remove(entry, of: found)
                kept[index] = false
            } else if let parent = entry.path.parent {
                full.insert(parent)
            }
        }
        return (try normalised(found, kept, times, needless), report)
    }

    /// Whether there is anything that an opaque directory hides: some kernels mark every new directory, others don't.
    private func hides(_ entry: TreeEntry, within opaque: [TreePath], _ below: MergedView) throws(ProvisionError) -> Bool {
        // Of a tree that was unpacked the layers below aren't looked at.
        if lower.isEmpty { return true }
        if opaque.contains(where: { entry.path.isInside($0) }) { return false }
        guard let tree = try below.tree(showing: entry.path) else { return false }
        return try TreeScanner.entry(entry.path, in: tree).0.kind == .directory
    }

    /// The directory that the layers below show at a directory's place, where nothing but times differ.
    private func same(_ entry: TreeEntry, _ below: MergedView) throws(ProvisionError) -> TreeEntry? {
        guard !lower.isEmpty, let tree = try below.tree(showing: entry.path) else { return nil }
        let lowerEntry = try TreeScanner.entry(entry.path, in: tree).0
        return entry.isSame(as: lowerEntry, ignoringTime: true) ? lowerEntry : nil
    }

    private func time(of entry: TreeEntry) -> Int64 {
        if let time, entry.modified >= began { return time }
        return entry.modified
    }

    private func remove(_ entry: TreeEntry, of tree: Tree) throws(ProvisionError) {
        try Interruption.check()
        try tree.withHostPath(entry.path) { (host) throws(ProvisionError) in
            let result = entry.kind == .directory ? rmdir(host) : unlink(host)
            _ = try check(result, "remove", String(cString: host))
        }
    }

    /// Gives what was kept its time, takes overlayfs' own attributes off, and returns the tree as it is then.
    private func normalised(
        _ found: Tree, _ kept: [Bool], _ times: [Int64], _ needless: Set<Int>
    ) throws(ProvisionError) -> Tree {
        let leftOut = kept.contains(false)
        // Links are one file with one set of attributes.
        var done: Set<Int> = []
        for (index, entry) in found.entries.enumerated() where kept[index] && done.insert(entry.firstLink ?? index).inserted {
            // What is removed from a directory changes its time.
            let timeChanges =
                entry.modifiedNanoseconds != 0 || times[index] != entry.modified || (leftOut && entry.kind == .directory)
            let attributes = entry.overlayAttributes + (needless.contains(index) ? [TreeScanner.opaqueAttribute] : [])
            guard timeChanges || !attributes.isEmpty else { continue }
            try found.withHostPath(entry.path) { (host) throws(ProvisionError) in
                for name in attributes { try ExtendedAttributes.remove(name, at: host) }
                if timeChanges { try setTime(times[index], at: host) }
            }
        }
        let entries = found.entries.enumerated().map { index, entry in
            var entry = entry
            (entry.modified, entry.modifiedNanoseconds, entry.overlayAttributes) = (times[index], 0, [])
            if needless.contains(index) { entry.attributes.removeAll { $0.name == TreeScanner.opaqueAttribute } }
            return entry
        }
        return Tree(root: found.root, entries: leftOut ? Tree.keeping(kept, of: entries) : entries)
    }

    private func reasonToLeaveOut(
        _ entry: TreeEntry, isLinked: Bool, in tree: Tree, below: MergedView
    ) throws(ProvisionError) -> String? {
        if entry.kind == .directory { return nil }
        if entry.kind == .socket { return "a socket without its listener" }
        if let rule = rules.removed.first(where: { $0.applies(to: entry) }) { return rule.why }
        if lower.isEmpty { return nil }
        guard let lowerTree = try below.tree(showing: entry.path) else {
            return entry.isWhiteout ? "it removes what no layer has" : nil
        }
        if isLinked || entry.isWhiteout { return nil }
        let rule = rules.rewritten.first { $0.applies(to: entry) }
        let lowerEntry = try TreeScanner.entry(entry.path, in: lowerTree).0
        guard entry.isSame(as: lowerEntry, ignoringTime: rule != nil) else { return nil }
        if entry.kind == .file, try !sameBytes(entry.path, tree.root, lowerTree) { return nil }
        return rule?.why ?? "the same as in the layers below"
    }
}

/// Sets the modification time of what lies at a path (links not followed) to whole seconds.
func setTime(_ seconds: Int64, at host: UnsafePointer<CChar>) throws(ProvisionError) {
    // The access time stays as it is: UTIME_OMIT, a macro that Swift doesn't see.
    let times = [timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2), timespec(tv_sec: Int(seconds), tv_nsec: 0)]
    try check(utimensat(AT_FDCWD, host, times, AT_SYMLINK_NOFOLLOW), "set the time of", String(cString: host))
}

extension TreeEntry {
    /// Whether the metadata that a layer keeps is the same; contents are not looked at.
    func isSame(as other: TreeEntry, ignoringTime: Bool) -> Bool {
        kind == other.kind && mode == other.mode && owner == other.owner && group == other.group && size == other.size
            && attributes == other.attributes && (ignoringTime || modified == other.modified)
    }
}
