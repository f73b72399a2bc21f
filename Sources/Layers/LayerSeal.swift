internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// What a layer's uppermost directories looked like when it was made: STATE/layers/NAME/seal. Nobody writes into a layer; who does,
/// by an editor or `rpm --root`, leaves the time of a change there, and is told of at the next use for the price of some system
/// calls. What was written in place further down is found by `condition(of:)`, which reads everything.
///
/// Times of change (ctime) are left out: they don't survive a restored backup. Each line is a time, a size (a file's) and a path.
struct LayerSeal {
    /// Directories so far below the root are looked at, and the files of `filesIn`.
    private static let depth = 2
    private static let filesIn: Set<String> = ["etc"]
    /// A directory with more than this is none that people look for things in.
    private static let most = 2000

    static func file(in layer: FilePath) -> FilePath { layer.appending("seal") }

    /// Writes the seal of a layer whose tree is as it stays.
    static func write(in layer: FilePath) throws(ProvisionError) {
        let tree = layer.appending("tree")
        var lines: [String] = []
        func add(_ path: String, _ depth: Int) throws(ProvisionError) {
            guard let line = line(of: path, in: tree) else { return }
            lines.append(line)
            guard depth < LayerSeal.depth else { return }
            let place = path.isEmpty ? tree : tree.appending(path)
            for name in try Files.names(in: place).prefix(most) {
                let below = path.isEmpty ? name : "\(path)/\(name)"
                var status = stat()
                guard !name.contains("\n"), lstat("\(tree)/\(below)", &status) == 0 else { continue }
                let isDirectory = status.st_mode & S_IFMT == S_IFDIR
                if isDirectory {
                    try add(below, depth + 1)
                } else if status.st_mode & S_IFMT == S_IFREG, filesIn.contains(path), let line = self.line(of: below, in: tree)
                {
                    lines.append(line)
                }
            }
        }
        try add("", 0)
        try Files.write(lines.joined(separator: "\n") + "\n", to: file(in: layer))
    }

    /// The first path that isn't as it was, for people; nil where all are, and for a layer without a seal.
    static func change(in layer: FilePath) throws(ProvisionError) -> String? {
        guard let bytes = try Files.readIfPresent(file(in: layer)) else { return nil }
        let tree = layer.appending("tree")
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let path = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).last.map(String.init) ?? ""
            if self.line(of: path, in: tree) != String(line) { return "/" + path }
        }
        return nil
    }

    /// nil where there is nothing.
    private static func line(of path: String, in tree: FilePath) -> String? {
        var status = stat()
        guard lstat(path.isEmpty ? tree.string : "\(tree)/\(path)", &status) == 0 else { return nil }
        let size = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : 0
        return "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(size) \(path)"
    }
}
