internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Copies a tree by linking its files: what `cp -al` does, with directories' owners, modes, times and attributes.
struct TreeCloner {
    let source: FilePath
    let destination: FilePath

    /// Fills `destination`, an existing empty directory on the same file system.
    func clone() throws(ProvisionError) {
        let tree = try TreeScanner.scan(source)
        for entry in tree.entries where !entry.path.isRoot {
            try Interruption.check()
            if entry.kind == .directory { try make(entry) } else { try link(entry) }
        }
        // Last, and from the leaves up: making a directory's entries changes its time.
        for entry in tree.entries.reversed() where entry.kind == .directory { try entry.apply(to: entry.path, in: destination) }
    }

    private func make(_ entry: TreeEntry) throws(ProvisionError) {
        try withHostPathOf(entry.path, in: destination) { (host) throws(ProvisionError) in
            _ = try check(mkdir(host, 0o700), "make the directory", String(cString: host))
        }
    }

    private func link(_ entry: TreeEntry) throws(ProvisionError) {
        try withHostPathOf(entry.path, in: source) { (from) throws(ProvisionError) in
            try withHostPathOf(entry.path, in: destination) { (to) throws(ProvisionError) in
                if linkat(AT_FDCWD, from, AT_FDCWD, to, 0) == 0 { return }
                guard errno == EMLINK, entry.kind == .file else { throw systemError("link", String(cString: to)) }
                try Files.copyContents(FilePath(platformString: from), to: FilePath(platformString: to))
                try entry.apply(to: entry.path, in: destination)
            }
        }
    }
}
