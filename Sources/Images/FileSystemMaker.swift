internal import Diagnostics
internal import Glibc
internal import Layers
internal import System
internal import SystemPackage

/// Makes squashfs and erofs images, by their own programs, of a directory.
///
/// The programs read a tree as it lies on disk, with times and links that don't belong to it; so they are given a copy of the
/// tree, made by way of the same archive as every other format's, which also checks what is packed.
struct FileSystemMaker {
    let format: ImageFormat.Archive

    /// What mksquashfs may hold of files on their way; its default is a quarter of the host's memory.
    private static let memory = "128M"

    /// The time that the file system can say nearest to `time`.
    func nearest(to time: Int64) -> Int64 {
        format == .squashfs ? min(max(time, 0), Int64(UInt32.max)) : max(time, 0)
    }

    /// Whether it holds access lists: squashfs has a fixed set of kinds of attributes.
    var carriesAccessLists: Bool { format == .erofs }

    /// Writes the image of the directory `copy`, whose envelope is in it, to a file.
    ///
    /// - Parameter tree: what was copied there.
    func make(of copy: FilePath, _ tree: Tree, to output: FilePath) throws(ProvisionError) {
        try prepare(copy, tree)
        let latest = tree.entries.map(\.modified).max().map(nearest(to:)) ?? 0
        var environment = ["PATH": ChildProcess.searchPath, "LC_ALL": "C.UTF-8"]
        let command: [String]
        switch format {
        case .squashfs:
            command = [
                "mksquashfs", copy.string, output.string, "-noappend", "-no-recovery", "-no-progress", "-quiet",
                "-exit-on-error", "-mem", FileSystemMaker.memory, "-comp", "zstd", "-Xcompression-level", "9", "-mkfs-time",
                String(latest),
            ]
        default:
            // The latest time of all: it becomes the image's own, and later ones would be cut to it.
            environment["SOURCE_DATE_EPOCH"] = String(latest)
            command = [
                // Attributes stay with their files: which are shared depends on the order in which a directory is read.
                "mkfs.erofs", "--quiet", "-zlz4hc", "-x", "65535", "-U", "00000000-0000-0000-0000-000000000000",
                output.string, copy.string,
            ]
        }
        let result = try runProgram(command, environment: environment)
        guard result.status.succeeded else {
            // mkfs.erofs 1.5 fails for them with another errno's words.
            let long = tree.entries.first { entry in
                format == .erofs && entry.path.bytes.split(separator: 0x2f).contains { $0.count >= 255 }
            }
            throw ProvisionError(
                .failed, "\"\(command[0])\" failed with status \(result.status.shellStatus)",
                hint: long.map { "erofs' tools may not take names of 255 bytes, as \"\($0.path)\" has: try squashfs or tar" },
                causes: result.standardError.split(separator: "\n").suffix(3).map(String.init))
        }
    }

    /// Makes the copy what the image shall show: bsdtar leaves the root's time alone, and knows nothing of access lists.
    private func prepare(_ copy: FilePath, _ tree: Tree) throws(ProvisionError) {
        let sidecar = copy.appending(Envelope.attributes)
        if carriesAccessLists, let bytes = try Files.readIfPresent(sidecar, limit: 256 << 20) {
            var lists = try AttributeSidecar(decoding: bytes)
            for index in lists.entries.indices { (lists.entries[index].holes, lists.entries[index].modified) = (nil, nil) }
            try lists.apply(to: try TreeScanner.scan(copy))
        }
        let there = Tree(root: copy, entries: tree.entries)
        for entry in tree.entries where entry.path.isRoot || nearest(to: entry.modified) != entry.modified {
            try there.withHostPath(entry.path) { (host) throws(ProvisionError) in
                try setModified(nearest(to: entry.modified), at: host)
            }
        }
    }
}
