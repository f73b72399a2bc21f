internal import Diagnostics
internal import Layers
internal import System
internal import SystemPackage

/// Archives made by hand often hold a directory with the root in it: `find minimal | cpio -o` names all `minimal/…`.
enum HandmadeRoot {
    /// The only directory in a tree, where that is what looks like a root.
    static func inside(_ tree: Tree) -> String? {
        let top = tree.entries.filter { $0.path.parent?.isRoot == true }
        guard top.count == 1, top[0].kind == .directory, let name = String(validating: top[0].path.bytes, as: UTF8.self) else {
            return nil
        }
        let usual = ["bin", "sbin", "usr", "etc", "lib"]
        // A root that holds nothing but usr is a root.
        if usual.contains(name) { return nil }
        let holdsRoot = usual.contains { part in tree.entries.contains { $0.path == top[0].path.appending(part.utf8) } }
        return holdsRoot ? name : nil
    }

    /// Makes the directory `name` in a staging's tree the tree.
    static func moveUp(_ name: String, of staging: Staging) throws(ProvisionError) {
        let aside = staging.directory.appending("root")
        try Files.renameExclusively(staging.tree.appending(name), to: aside)
        try Files.remove(staging.tree)
        try Files.renameExclusively(aside, to: staging.tree)
    }
}
