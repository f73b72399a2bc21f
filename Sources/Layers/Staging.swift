public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// A place where a layer is made: STATE/staging/ID, the owner's alone (0700), disposable until it is committed.
///
///     lock         held by the process that is at work; unlocked means that it died
///     on           names of the layers that the build stands on, one a line
///     layer/tree/  the tree, which a commit moves to STATE/layers together with its layer.json
///     work/        overlayfs' own
///     derived/     the tree with every file whole, where it keeps some as differences
///     merged/      where an application is installed: its parents with `tree` on top
///
/// It is discarded when the last reference goes without a commit; `discard()` does the same and says why it couldn't.
public final class Staging {
    public let directory: FilePath
    private var lock: FileLock?
    private var isMounted = false
    /// What it stands on, from `mountOverlay` on; nil for a base.
    public private(set) var chain: LayerChain?
    /// When it was made, by the clock of its file system: seconds since 1970. What a build writes has this time or a later one.
    let began: Int64

    public var layerDirectory: FilePath { directory.appending("layer") }
    /// A base's root; an application's upper.
    public var tree: FilePath { layerDirectory.appending("tree") }
    public var merged: FilePath { directory.appending("merged") }
    private var work: FilePath { directory.appending("work") }
    /// Where the whole tree of a layer is made that keeps files as differences.
    var derivedTree: FilePath { directory.appending("derived").appending("tree") }
    /// Where to install: the merged view while an overlay is mounted, the tree otherwise.
    public var root: FilePath { isMounted ? merged : tree }

    init(directory: FilePath, lock: consuming FileLock) throws(ProvisionError) {
        self.directory = directory
        self.lock = consume lock
        var status = stat()
        try check(lstat(directory.string, &status), "look at", directory)
        began = Int64(status.st_mtim.tv_sec)
        for path in [layerDirectory, tree] { try Files.makeDirectory(path, mode: 0o755) }
        // The umask must not decide what mode a root has.
        try check(chmod(layerDirectory.string, 0o755), "set the mode of", layerDirectory)
        try check(chmod(tree.string, 0o755), "set the mode of", tree)
    }

    deinit {
        // Nothing can be thrown from here: what stays is unlocked now, and the next sweep takes it.
        try? remove()
    }

    /// Mounts the chain's merged view with `tree` on top and returns where.
    ///
    /// The process must be in a mount namespace of its own (`PrivateMounts.enter()`, called by the command layer before any thread
    /// starts), so that nobody else sees the mount and it goes when the process dies. The tree's root takes its mode, owner, time
    /// and attributes from the chain's: overlayfs shows the upper's.
    @discardableResult
    public func mountOverlay(on chain: LayerChain) throws(ProvisionError) -> FilePath {
        self.chain = chain
        try Files.write(chain.names.joined(separator: "\n") + "\n", to: directory.appending("on"))
        let below = try TreeScanner.entry(.root, in: chain.trees[0]).0
        try below.apply(to: .root, in: tree)
        for path in [work, merged] { try Files.makeDirectory(path, mode: 0o755) }
        try OverlayMount(lower: chain.trees, upper: tree, work: work).mount(at: merged)
        isMounted = true
        return merged
    }

    public func unmountOverlay() throws(ProvisionError) {
        guard isMounted else { return }
        try unmount(merged)
        isMounted = false
    }

    /// Unmounts and removes everything. Not cut short by signals.
    public func discard() throws(ProvisionError) {
        do {
            try Interruption.withoutInterruption { try remove() }
        } catch let error as ProvisionError {
            throw error
        } catch {
            throw ProvisionError(.failed, "cannot remove \"\(directory)\": \(error)")
        }
    }

    private func remove() throws(ProvisionError) {
        if isMounted {
            // Something of ours may still have its working directory there: then it goes when that ends.
            try unmount(merged, lazily: true)
            isMounted = false
        }
        // The lock last: without it a sweep would take the rest for a dead run's, while we are at it.
        for name in try Files.names(in: directory) where name != "lock" { try Files.remove(directory.appending(name)) }
        unlink(directory.appending("lock").string)
        guard rmdir(directory.string) != 0, errno != ENOENT else {
            lock = nil
            return
        }
        // A sweep has come between the two and made a lock of its own: then it removes the directory.
        if errno != ENOTEMPTY { throw systemError("remove", directory) }
        lock = nil
    }
}

extension TreeEntry {
    /// Gives what lies at `path` this entry's owner, mode, kept attributes and time.
    func apply(to path: TreePath, in root: FilePath) throws(ProvisionError) {
        try withHostPathOf(path, in: root) { (host) throws(ProvisionError) in
            let shown = String(cString: host)
            var status = stat()
            try check(lstat(host, &status), "look at", shown)
            if status.st_uid != owner || status.st_gid != group {
                try check(lchown(host, owner, group), "set the owner of", shown)
            }
            if case .link = kind {} else { try check(chmod(host, mode), "set the mode of", shown) }
            // After the owner: a change of owner drops capabilities.
            for attribute in attributes { try ExtendedAttributes.set(attribute, at: host) }
            try setTime(modified, at: host)
        }
    }
}
