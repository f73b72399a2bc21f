internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// What a stack of trees shows at a path, without mounting it: whiteouts and opaque directories are honoured as overlayfs does.
struct MergedView {
    /// Topmost first.
    let trees: [FilePath]

    private enum Finding {
        case nothing, whiteout
        case directory(opaque: Bool)
        case other
    }

    /// The tree in which `path` shows, or nil where nothing shows.
    func tree(showing path: TreePath) throws(ProvisionError) -> FilePath? {
        let components = path.components
        for tree in trees {
            var lowerHidden = false
            var here = TreePath.root
            var missing = false
            for (index, name) in components.enumerated() {
                here = here.appending(name)
                let isLast = index == components.count - 1
                switch try look(at: here, in: tree) {
                case .nothing: missing = true
                case .whiteout: return nil
                case .directory(let opaque):
                    if isLast { return tree }
                    lowerHidden = lowerHidden || opaque
                case .other: return isLast ? tree : nil
                }
                if missing { break }
            }
            if components.isEmpty { return tree }
            if lowerHidden { return nil }
        }
        return nil
    }

    /// The regular file that shows at `path`, with its size; nil where nothing or something else does.
    func file(showing path: TreePath) throws(ProvisionError) -> (place: FilePath, size: UInt64)? {
        guard let tree = try tree(showing: path) else { return nil }
        let entry = try TreeScanner.entry(path, in: tree).0
        return entry.kind == .file ? (FilePath(tree.string + path.description), entry.size) : nil
    }

    private func look(at path: TreePath, in tree: FilePath) throws(ProvisionError) -> Finding {
        try withHostPathOf(path, in: tree) { (host) throws(ProvisionError) in
            var status = stat()
            guard lstat(host, &status) == 0 else {
                if errno == ENOENT { return .nothing }
                throw systemError("look at", String(cString: host))
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                // A layer's own directories carry no attributes as a rule: names first, which is one cheap call.
                guard try ExtendedAttributes.names(of: host).contains(TreeScanner.opaqueAttribute) else {
                    return .directory(opaque: false)
                }
                let value = try ExtendedAttributes.value(of: TreeScanner.opaqueAttribute, at: host)
                return .directory(opaque: value == Array("y".utf8))
            case S_IFCHR where status.st_rdev == 0: return .whiteout
            default: return .other
            }
        }
    }
}
