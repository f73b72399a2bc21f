import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

/// The file that lists of many layers are read from: what it says counts only as long as it is so.
@Suite struct LayerIndexTests {
    private let directory = FilePath(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")
        .appending("layer-index-\(UInt32.random(in: 0 ... .max))")
    private let program: Program
    private var index: FilePath { program.state.appending("index") }

    init() throws {
        program = Program(in: directory)
        for number in 0..<40 { try make("layer-\(number)") }
    }

    private func make(_ name: String, digest: String = "1", parent: String? = nil) throws {
        let place = program.state.appending("layers").appending(name)
        try Files.makeDirectory(place)
        let digit = { (text: String) in "sha256:" + String(repeating: text, count: 64) }
        let parent = parent.map { "\"parent\": {\"name\": \"\($0)\", \"digest\": \"\(digit("1"))\"}," } ?? ""
        try Files.write(
            """
            {"schema": 1, "name": "\(name)", "kind": "\(parent.isEmpty ? "base" : "app")", "release": "demo", "arch": "x86_64", \(parent)
            "digest": "\(digit(digest))", "request": "\(digit("2"))", "command": "", "created": 1700000000, "packages": [],
            "patches": [], "warnings": [], "size": 1000, "fileCount": 1}
            """, to: place.appending("layer.json"))
    }

    private func remove() { #expect(throws: Never.self) { try Files.remove(directory) } }

    /// Names and first digits, as a state without an index has them too.
    private func listed() throws -> [String] {
        let listed = try program.layers().map { "\($0.name) \($0.digest.prefix(8)) on \($0.parent ?? "")" }
        let kept = try Files.readIfPresent(index)
        try Files.remove(index)
        let read = try program.layers().map { "\($0.name) \($0.digest.prefix(8)) on \($0.parent ?? "")" }
        if let kept { try Files.write(kept, to: index) }
        #expect(listed == read)
        return listed
    }

    /// How many manifests a list reads.
    private func manifestsRead() throws -> Int {
        let trace = directory.appending("trace")
        try runChecked(
            ["strace", "-f", "-qq", "-e", "trace=open,openat", "-o", trace.string] + program.arguments(["list", "--json"]))
        return try Files.readText(trace).split(separator: "\n").count { $0.contains("/layer.json") }
    }

    /// Changes all manifests at one moment: an index holds those whose change is old enough, and making them takes its time.
    private func touchAll() throws { try runChecked(["sh", "-ec", "touch \(program.state)/layers/*/layer.json"]) }

    /// A manifest that was written just now isn't remembered, for its times couldn't tell a second write: once all are old
    /// enough, one list writes the index of them all.
    private func settle() throws {
        try touchAll()
        usleep(4_000_000)
        #expect(try manifestsRead() == 40)
        #expect(Files.exists(index))
    }

    @Test("a manifest that was read isn't read again; one that came, changed or was replaced is, and one that went is gone")
    func current() throws {
        defer { remove() }
        // Of lists, the first that ends within the time in which a second write leaves no trace.
        for _ in 0..<20 {
            try Files.remove(index)
            try touchAll()
            let start = time(nil)
            #expect(try manifestsRead() == 40)
            if time(nil) - start < 2 { break }
        }
        #expect(!Files.exists(index))
        try settle()
        #expect(try manifestsRead() == 0)
        let before = try listed()
        #expect(before.count == 40)

        try make("layer-40", parent: "layer-7")
        try make("layer-3", digest: "9")
        // In place, with the size and the time that it had.
        let manifest = program.state.appending("layers/layer-5/layer.json")
        try runChecked([
            "sh", "-ec", "touch -r \(manifest) \(directory)/time; sed 's/111/888/g' \(manifest) > \(directory)/other",
        ])
        try runChecked(["sh", "-ec", "cat \(directory)/other > \(manifest); touch -r \(directory)/time \(manifest)"])
        try Files.remove(program.state.appending("layers/layer-8"))
        #expect(try manifestsRead() == 3)
        let after = try listed()
        #expect(after.count == 40 && after.contains("layer-40 sha256:1 on layer-7") && after.contains("layer-3 sha256:9 on "))
        #expect(before.contains("layer-5 sha256:1 on ") && after.contains("layer-5 sha256:8 on "))
        #expect(!after.contains { $0.hasPrefix("layer-8 ") })
    }

    @Test("an index that was cut off, altered, or is of another version is never believed", arguments: 0..<6)
    func broken(way: Int) throws {
        defer { remove() }
        try settle()
        let known = try listed()
        var bytes = try Files.read(index)
        switch way {
        case 0: bytes = []
        case 1: bytes.removeLast(bytes.count / 2)
        case 2: bytes[bytes.count / 2] ^= 1
        case 3: bytes.replaceSubrange(..<20, with: Array("provision layers 2\nx".utf8))
        case 4: bytes += bytes
        default: bytes = Array(repeating: 0xff, count: 100_000)
        }
        try Files.write(bytes, to: index)
        #expect(try manifestsRead() == 40)
        // It was made anew.
        #expect(try manifestsRead() == 0)
        try Files.write(bytes, to: index)
        #expect(try listed() == known)
    }

    @Test("a manifest that can't be read ends the list with its reason, with an index as without one")
    func brokenManifest() throws {
        defer { remove() }
        try settle()
        try Files.write("{}", to: program.state.appending("layers/layer-9/layer.json"))
        let failure = try program.failure(["list"])
        #expect(failure.error.message.contains("layer-9"), "\(failure.error)")
    }

    @Test("a layer whose parent is gone still stands in the tree, with the reason")
    func orphan() throws {
        defer { remove() }
        try make("orphan", parent: "nobody")
        let tree = try program.succeed(["tree"])
        #expect(tree.contains("orphan") && tree.contains("stands on \"nobody\", which is not there"), "\(tree)")
    }
}
