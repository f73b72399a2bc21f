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

    /// What was left out, for `-v`.
    struct Report {
        var lines: [String] = []
    }

    /// Cleans the tree at `root` and returns it as it is then.
    ///
    /// Left out: what `rules` name; sockets, whose listener is gone; files that are what the layers below show (content, metadata
    /// and whole seconds of their time: copied up by an open for writing or a chmod to the same mode); whiteouts of what nobody
    /// has. Attributes that overlayfs keeps for itself (origin, impure …) go, because they speak of inodes of this host. Times
    /// keep their whole seconds only, since that is what archives carry.
    func clean(_ root: FilePath) throws(ProvisionError) -> (Tree, Report) {
        var report = Report()
        let found = try TreeScanner.scan(root)
        let links = found.linkCounts
        let below = MergedView(trees: lower)
        var kept: [(file: Int, entry: TreeEntry)] = []
        var leftOut = false
        var opaque: [TreePath] = []
        for (index, entry) in found.entries.enumerated() {
            if entry.isOpaque { opaque.append(entry.path) }
            // In a directory that replaces the lower one nothing of the layers below shows.
            let below = opaque.contains { entry.path.isInside($0) } ? MergedView(trees: []) : below
            guard let reason = try reasonToLeaveOut(entry, isLinked: links[index] > 1, in: found, below: below) else {
                kept.append((entry.firstLink ?? index, entry))
                continue
            }
            try Interruption.check()
            try found.withHostPath(entry.path) { (host) throws(ProvisionError) in
                _ = try check(unlink(host), "remove", String(cString: host))
            }
            leftOut = true
            report.lines.append("left out \(entry.path): \(reason)")
        }
        // Links are one file with one set of attributes.
        var done: Set<Int> = []
        for (file, entry) in kept where done.insert(file).inserted { try normalise(entry, in: found, everything: leftOut) }
        // Links may have lost their first path: only a new look numbers them again.
        return (leftOut ? try TreeScanner.scan(root) : normalised(found), report)
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
        if entry.kind == .file, try !sameContent(entry.path, tree.root, lowerTree) { return nil }
        return rule?.why ?? "the same as in the layers below"
    }

    /// Whether two files of the same size have the same bytes.
    private func sameContent(_ path: TreePath, _ one: FilePath, _ other: FilePath) throws(ProvisionError) -> Bool {
        let digests = try [one, other].map { tree throws(ProvisionError) in
            try withHostPathOf(path, in: tree) { (host) throws(ProvisionError) in
                let file = try check(open(host, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", String(cString: host))
                defer { close(file) }
                return try digest(of: FileDescriptor(rawValue: file), path: FilePath(String(cString: host))).digest
            }
        }
        return digests[0] == digests[1]
    }

    private func normalise(_ entry: TreeEntry, in tree: Tree, everything: Bool) throws(ProvisionError) {
        let timeChanges = entry.modifiedNanoseconds != 0 || (everything && entry.kind == .directory)
        guard timeChanges || !entry.overlayAttributes.isEmpty else { return }
        try tree.withHostPath(entry.path) { (host) throws(ProvisionError) in
            for name in entry.overlayAttributes { try ExtendedAttributes.remove(name, at: host) }
            if timeChanges {
                try setTime(entry.modified, at: host)
            }
        }
    }

    private func normalised(_ tree: Tree) -> Tree {
        Tree(
            root: tree.root,
            entries: tree.entries.map {
                var entry = $0
                entry.modifiedNanoseconds = 0
                entry.overlayAttributes = []
                return entry
            })
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
