public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// Copies a tree with owners, modes, times and attributes.
public struct TreeCloner {
    let source: FilePath
    let destination: FilePath

    public init(source: FilePath, destination: FilePath) {
        self.source = source
        self.destination = destination
    }

    /// As `clone`, with files of the copy's own (blocks are shared where the file system can): what `cp -a` does. For a source
    /// that may change afterwards. Sockets are left out.
    public func copy() throws(ProvisionError) {
        let tree = try TreeScanner.scan(source)
        for entry in tree.entries where !entry.path.isRoot {
            try Interruption.check()
            try copy(entry, of: tree)
        }
        for entry in tree.entries.reversed() where entry.kind == .directory { try entry.apply(to: entry.path, in: destination) }
    }

    private func copy(_ entry: TreeEntry, of tree: Tree) throws(ProvisionError) {
        try withHostPathOf(entry.path, in: destination) { (to) throws(ProvisionError) in
            let shown = String(cString: to)
            switch entry.kind {
            case .directory: _ = try check(mkdir(to, 0o700), "make the directory", shown)
            case .socket: return
            case .file:
                if let first = entry.firstLink {
                    try withHostPathOf(tree.entries[first].path, in: destination) { (from) throws(ProvisionError) in
                        _ = try check(Glibc.link(from, to), "link", shown)
                    }
                    return
                }
                try withHostPathOf(entry.path, in: source) { (from) throws(ProvisionError) in
                    try Files.copyContents(FilePath(platformString: from), to: FilePath(platformString: to))
                }
            case .link(let target): try check(symlink(target.map { CChar(bitPattern: $0) } + [0], to), "make the link", shown)
            case .fifo: try check(mkfifo(to, 0o600), "make the fifo", shown)
            case .character(let number):
                try check(mknod(to, S_IFCHR | 0o600, deviceNumber(major: number.major, minor: number.minor)), "make", shown)
            case .block(let number):
                try check(mknod(to, S_IFBLK | 0o600, deviceNumber(major: number.major, minor: number.minor)), "make", shown)
            }
        }
        if entry.kind != .directory, entry.kind != .socket { try entry.apply(to: entry.path, in: destination) }
    }

    // MARK: - By links: what `cp -al` does

    /// Fills `destination`, an existing empty directory on the same file system.
    func clone() throws(ProvisionError) { try TreeCloner.clone(try TreeScanner.scan(source), to: destination) }

    /// The same for a tree that was scanned.
    static func clone(_ tree: Tree, to destination: FilePath) throws(ProvisionError) {
        for entry in tree.entries where !entry.path.isRoot {
            try Interruption.check()
            if entry.kind == .directory {
                try make(entry, in: destination)
            } else {
                try link(entry, from: tree.root, to: destination)
            }
        }
        // Last, and from the leaves up: making a directory's entries changes its time.
        for entry in tree.entries.reversed() where entry.kind == .directory { try entry.apply(to: entry.path, in: destination) }
    }

    static func make(_ entry: TreeEntry, in destination: FilePath) throws(ProvisionError) {
        try withHostPathOf(entry.path, in: destination) { (host) throws(ProvisionError) in
            _ = try check(mkdir(host, 0o700), "make the directory", String(cString: host))
        }
    }

    static func link(_ entry: TreeEntry, from source: FilePath, to destination: FilePath) throws(ProvisionError) {
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
