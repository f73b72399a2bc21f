internal import Diagnostics
internal import System
internal import SystemPackage

/// The host's `rpm -Va` over a root, its answer taken apart; see the section on verifying in rpm(8).
///
/// Packages' own verify scripts don't run: they are programs of the root, which may come from anywhere.
struct RpmVerifier {
    private let program: RpmProgram

    /// - Parameter database: in the root.
    init(root: FilePath, database: String) { program = RpmProgram(root: root, database: database) }

    func packageCount() throws(ProvisionError) -> Int {
        try program.query("x").utf8.count
    }

    func verify() throws(ProvisionError) -> (files: [VerifyAnswer.File], dependencies: [String]) {
        let output = try program.run(["-Va", "--noscripts"])
        // rpm says by its status that something differs, and also that nothing could be read.
        guard output.status.succeeded || !output.text.isEmpty else { throw program.failure(output) }
        return try RpmVerifier.parse(output.text)
    }

    /// Lines are `SM5DLUGTP  c /path`, `missing     c /path (why)`, or `Unsatisfied dependencies for NEVRA:` with indented ones below.
    static func parse(_ text: String) throws(ProvisionError) -> (files: [VerifyAnswer.File], dependencies: [String]) {
        var files: [VerifyAnswer.File] = []
        var dependencies: [String] = []
        var package: Substring?
        for line in text.split(separator: "\n") {
            if line.hasPrefix("Unsatisfied dependencies for "), line.hasSuffix(":") {
                package = line.dropFirst("Unsatisfied dependencies for ".count).dropLast()
            } else if let owner = package, line.first == "\t" || line.first == " " {
                dependencies.append("\(owner): \(line.drop { $0 == "\t" || $0 == " " })")
            } else if let file = file(line) {
                package = nil
                files.append(file)
            } else {
                throw ProvisionError(.failed, "rpm answered with a line that isn't known: \"\(line)\"")
            }
        }
        return (files, dependencies)
    }

    private static func file(_ line: Substring) -> VerifyAnswer.File? {
        guard let slash = line.firstIndex(of: "/") else { return nil }
        var path = line[slash...]
        let words = line[..<slash].split(separator: " ")
        guard let flags = words.first, words.count <= 2 else { return nil }
        let kind = words.count == 2 ? kinds[words[1]] : nil
        if words.count == 2, kind == nil { return nil }
        if flags == "missing" {
            // Behind the path stands why, where it is anything but its absence.
            if path.hasSuffix(")"), let start = path.lastIndex(of: "("), path[..<start].hasSuffix(" ") {
                path = path[..<start].dropLast()
            }
            return VerifyAnswer.File(path: String(path), differs: ["missing"], kind: kind)
        }
        guard flags.count == order.count else { return nil }
        var differs: [String] = []
        for (flag, (letter, word)) in zip(flags, order) {
            switch flag {
            case ".": continue
            case letter: differs.append(word)
            case "?": differs.append("unreadable")
            default: return nil
            }
        }
        return VerifyAnswer.File(path: String(path), differs: differs, kind: kind)
    }

    private static let order: [(Character, String)] = [
        ("S", "size"), ("M", "mode"), ("5", "content"), ("D", "device"), ("L", "link target"), ("U", "owner"), ("G", "group"),
        ("T", "time"), ("P", "capabilities"),
    ]

    private static let kinds: [Substring: String] = [
        "c": "configuration", "d": "documentation", "g": "ghost", "l": "licence", "r": "readme", "a": "artifact",
    ]
}
