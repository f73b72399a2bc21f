import System
import SystemPackage

/// One path of a tree as programs outside of provision see it: find, sha256sum and getcap.
struct TreeListing {
    /// By path: type, mode, owner, group, size, link target, digest, capabilities.
    var entries: [String: String] = [:]

    init(of root: FilePath) throws {
        let found = try runChecked(
            ["find", root.string, "-mindepth", "1", "-printf", "%P\\t%y\\t%m\\t%U\\t%G\\t%s\\t%l\\n"]
        )
        for line in found.text.split(separator: "\n") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 7 else { throw TestFailure("find printed \"\(line)\"") }
            // A directory's size is its file system's business.
            let size = fields[1] == "f" ? fields[5] : "-"
            entries[fields[0]] = "\(fields[1]) mode \(fields[2]) owner \(fields[3]):\(fields[4]) size \(size) \(fields[6])"
        }
        // With -z, names with a backslash are printed as they are.
        let sums = try runChecked([
            "sh", "-c", "cd \"$1\" && find . -type f -print0 | xargs -0 -n 500 sha256sum -z", "sh", root.string,
        ])
        for line in sums.text.split(separator: "\0") {
            let path = String(line.dropFirst(66).dropFirst(2))
            entries[path, default: ""] += " sha256 \(line.prefix(64))"
        }
        let capabilities = try runChecked(["sh", "-c", "cd \"$1\" && getcap -r .", "sh", root.string])
        for line in capabilities.text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2 else { continue }
            entries[String(words[0].dropFirst(2)), default: ""] += " capabilities \(words[1])"
        }
    }

    /// Paths in which the two differ, with both sides.
    func differences(from other: TreeListing) -> [String: (ours: String, theirs: String)] {
        var result: [String: (ours: String, theirs: String)] = [:]
        for path in Set(entries.keys).union(other.entries.keys) where entries[path] != other.entries[path] {
            result[path] = (entries[path] ?? "missing", other.entries[path] ?? "missing")
        }
        return result
    }
}
