public import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// A path in which two merged views differ. Times don't count, as they don't in a layer's digest.
public struct TreeDifference: Sendable, Equatable {
    public enum Change: String, Sendable { case added, removed, changed }
    public enum Aspect: String, Sendable { case type, mode, owner, size, content, target, device, attributes }

    public let path: TreePath
    public let change: Change
    /// What differs of a changed path; empty for others.
    public let aspects: [Aspect]
}

/// Compares what two stacks of trees show.
public enum TreeComparison {
    /// Differences on the way from `old` to `new`, sorted by path. Contents are read only where two files of one size come from
    /// different trees.
    public static func differences(from old: MergedTree, to new: MergedTree) throws(ProvisionError) -> [TreeDifference] {
        var result: [TreeDifference] = []
        var (i, j) = (0, 0)
        while i < old.items.count || j < new.items.count {
            try Interruption.check()
            let before = i < old.items.count ? old.items[i] : nil
            let after = j < new.items.count ? new.items[j] : nil
            if let before, after.map({ before.entry.path < $0.entry.path }) ?? true {
                result.append(TreeDifference(path: before.entry.path, change: .removed, aspects: []))
                i += 1
            } else if let after, before.map({ after.entry.path < $0.entry.path }) ?? true {
                result.append(TreeDifference(path: after.entry.path, change: .added, aspects: []))
                j += 1
            } else if let before, let after {
                let aspects = try aspects(before, after)
                if !aspects.isEmpty {
                    result.append(TreeDifference(path: after.entry.path, change: .changed, aspects: aspects))
                }
                i += 1
                j += 1
            }
        }
        return result
    }

    private static func aspects(
        _ before: MergedTree.Item, _ after: MergedTree.Item
    ) throws(ProvisionError) -> [TreeDifference.Aspect] {
        if before.root == after.root { return [] }
        let (old, new) = (before.entry, after.entry)
        var aspects: [TreeDifference.Aspect] = []
        switch (old.kind, new.kind) {
        case (.file, .file):
            if old.size != new.size {
                aspects += [.size, .content]
            } else if try content(of: before) != content(of: after) {
                aspects.append(.content)
            }
        case (.link, .link): if old.kind != new.kind { aspects.append(.target) }
        case (.character, .character), (.block, .block): if old.kind != new.kind { aspects.append(.device) }
        default: if old.kind != new.kind { aspects.append(.type) }
        }
        if old.mode != new.mode { aspects.append(.mode) }
        if old.owner != new.owner || old.group != new.group { aspects.append(.owner) }
        // How a layer hides another's directory is not what is seen of it.
        func seen(_ entry: TreeEntry) -> [ExtendedAttribute] {
            entry.attributes.filter { $0.name != TreeScanner.opaqueAttribute }
        }
        if seen(old) != seen(new) { aspects.append(.attributes) }
        return aspects
    }

    private static func content(of item: MergedTree.Item) throws(ProvisionError) -> ContentDigest {
        let path = FilePath(item.root.string + item.entry.path.description)
        let descriptor = try withHostPathOf(item.entry.path, in: item.root) { (host) throws(ProvisionError) in
            try check(open(host, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", path)
        }
        defer { close(descriptor) }
        return try digest(of: FileDescriptor(rawValue: descriptor), path: path).digest
    }
}
