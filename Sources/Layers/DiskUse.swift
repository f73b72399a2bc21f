public import Diagnostics
internal import Glibc
public import Model
internal import System
internal import SystemPackage

extension LayerStore {
    /// Looks at every file of a layer: whether it has links elsewhere decides whether it is shared.
    public func diskUse(of layer: Layer) throws(ProvisionError) -> DiskUse {
        struct File {
            var links: Int
            var seen = 0
            var bytes: UInt64
            var isDerived: Bool
        }
        var files: [UInt: File] = [:]
        var use = DiskUse()
        for (root, isDerived) in [(layer.directory, false), (layer.derived, true)] where Files.exists(root) {
            try TreeScanner.walk(root) { status in
                let bytes = UInt64(status.st_blocks) * 512
                if status.st_mode & S_IFMT == S_IFDIR {
                    if isDerived { use.derived += bytes } else { use.own += bytes }
                } else {
                    files[
                        UInt(status.st_ino), default: File(links: Int(status.st_nlink), bytes: bytes, isDerived: isDerived)
                    ].seen += 1
                }
            }
        }
        for file in files.values {
            if file.isDerived {
                use.derived += file.bytes
            } else if file.links > file.seen {
                use.shared += file.bytes
            } else {
                use.own += file.bytes
            }
        }
        return use
    }
}
