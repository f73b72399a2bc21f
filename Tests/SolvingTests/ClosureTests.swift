import Diagnostics
import Foundation
import Model
import Solving
import Synchronization
import System
import SystemPackage
import Testing

/// Answers out of the packages that an index finds, beside answers out of all packages. (Every other test of this folder asks
/// its questions both ways too.)
@Suite("Answers by way of the index")
struct ClosureTests {
    /// Tells how many packages were looked at; nil where all were.
    private final class Recorder: ProgressSink {
        private let details = Mutex<[String]>([])

        func report(_ event: ProgressEvent) {
            if case .detail(let text) = event { details.withLock { $0.append(text) } }
        }

        var considered: Int? {
            details.withLock { $0 }.compactMap { $0.firstMatch(of: #/^(\d+) of \d+ packages can/#).flatMap { Int($0.1) } }.first
        }
    }

    private func considered(_ request: SolveRequest) throws -> Int? {
        let recorder = Recorder()
        _ = try Solving.solve(request, progress: recorder)
        return recorder.considered
    }

    @Test("what a request can't reach is not loaded, the second time")
    func reach() throws {
        let fixture = try Fixture(
            .init("app", requires: ["lib >= 2", "/usr/bin/tool"]), .init("lib", "1-1", requires: ["old"]), .init("lib", "2-1"),
            .init("old"), .init("tool", files: ["/usr/bin/tool"]), .init("newer", obsoletes: ["tool < 1"]), .init("other"),
            .init("more", requires: ["other"]))
        #expect(try considered(fixture.request("app")) == nil)
        // Versions don't count, so lib-1 and what that needs is among them; "newer" may obsolete something of it.
        #expect(try considered(fixture.request("app")) == 6)
        #expect(try considered(fixture.request("more")) == 2)
    }

    @Test("weak dependencies, and what supplements a package or a file, are reached where they are asked for")
    func weak() throws {
        let fixture = try Fixture(
            .init("app", recommends: ["nice"], files: ["/etc/app"]), .init("nice", supplements: ["nothing"]),
            .init("german", supplements: ["(app and german-wanted)"]), .init("german-wanted"),
            .init("by-name", supplements: ["app"]), .init("by-file", supplements: ["/etc/app"]), .init("other"))
        let weak = { (request: inout SolveRequest) in request.weakDependencies = true }
        #expect(try fixture.names("app") == ["app-1-1.noarch"])
        #expect(
            try fixture.names("app", adjust: weak) == [
                "app-1-1.noarch", "by-file-1-1.noarch", "by-name-1-1.noarch", "nice-1-1.noarch",
            ])
        #expect(try considered(fixture.request("app", adjust: weak)) == 5)
        #expect(try considered(fixture.request("app")) == 1)
    }

    @Test("of providers with different names the same is taken, whichever repository knew the names first")
    func ties() throws {
        for names in [["zeta", "alpha", "midst"], ["midst", "zeta", "alpha"]] {
            var fixture = try Fixture()
            // The first repository knows one of the names only as something that is required, by a package out of reach.
            try fixture.add("first", [.init("stranger", requires: [names[2], names[0]]), .init("tool")])
            try fixture.add("second", names.map { .init($0, provides: ["service"]) } + [.init("app", requires: ["service"])])
            // The fixture compares the two ways.
            #expect(try fixture.names("app").count == 2)
            #expect(try considered(fixture.request("app")) == 4)
        }
    }

    @Test("a pattern that only provides answer, a rich dependency and a file by pattern are answered out of everything")
    func patterns() throws {
        let fixture = try Fixture(
            .init("a", provides: ["virtual-one"]), .init("b", provides: ["virtual-two"]), .init("c", files: ["/usr/bin/c"]),
            .init("libx", provides: ["libx.so.1"]), .init("x-compat", provides: ["libxcompat.so.1"]))
        #expect(try fixture.names("virtual-*") == ["a-1-1.noarch", "b-1-1.noarch"])
        // One reading is the name "libx*" of the architecture "so*", which doesn't make it a name.
        #expect(try fixture.names("libx*.so*") == ["libx-1-1.noarch", "x-compat-1-1.noarch"])
        #expect(try fixture.names("(virtual-one or virtual-two)").count == 1)
        #expect(try fixture.names("/usr/bin/[c]") == ["c-1-1.noarch"])
        #expect(try considered(fixture.request("virtual-*")) == nil)
    }

    @Test("an exclude is read as it is among all packages, although its package is out of reach")
    func excludes() throws {
        // "lib-2" is a package's name, so it isn't read as lib of version 2.
        let fixture = try Fixture(.init("app", requires: ["lib"]), .init("lib", "2-1"), .init("lib-2"))
        #expect(try fixture.names("app") { $0.excludes = ["lib-2"] } == ["app-1-1.noarch", "lib-2-1.noarch"])
    }

    @Test(
        "an index that is cut off, changed in one byte anywhere or empty is thrown away and made anew",
        arguments: ["cut", "head", "table", "middle", "end", "empty", "writable by others"])
    func damaged(how: String) throws {
        let fixture = try Fixture(.init("a", requires: ["b"]), .init("b", files: ["/etc/b"]), .init("c"))
        let request = fixture.request("a")
        let right = try Solving.solve(request, progress: SilentProgress())
        let path = try #require(try fixture.cacheFiles(suffix: "-closure").first)
        let good = try Files.read(path)
        let start = try #require(good.firstIndex(of: UInt8(ascii: "\n")))
        var bad = good
        switch how {
        case "cut": bad.removeLast(good.count / 2)
        case "head": bad[3] ^= 1
        case "table": bad[start + 5] ^= 1
        case "middle": bad[start + 200] ^= 1
        case "end": bad[good.count - 20] ^= 1
        case "empty": bad = []
        default: break
        }
        try Files.write(bad, to: path, mode: how == "writable by others" ? 0o666 : 0o644)
        let recorder = Recorder()
        #expect(try Solving.solve(request, progress: recorder) == right)
        #expect(recorder.considered == nil)
        #expect(try Files.read(path) == good)
        #expect(try considered(request) == 2)
    }

    @Test("an index that claims what can't be is no more than damage", arguments: 1...80)
    func nonsense(seed: UInt64) throws {
        let fixture = try Fixture(
            .init("a", requires: ["b", "c >= 1"], files: ["/etc/a"]), .init("b", supplements: ["a"]),
            .init("c", obsoletes: ["d < 1"]))
        let request = fixture.request("a") { $0.weakDependencies = true }
        let right = try Solving.solve(request, progress: SilentProgress())
        let path = try #require(try fixture.cacheFiles(suffix: "-closure").first)
        let file = try Files.read(path)
        let start = try #require(file.firstIndex(of: UInt8(ascii: "\n")))
        // Wrong numbers under digests that vouch for them: nothing may be read outside of the content.
        let blocks = (file.count - start - 1 + 4095) / 4096
        var content = Array(file[(start + 1 + 64 * blocks)...])
        var generator = SeededGenerator(state: seed)
        for _ in 0..<8 {
            let place = Int.random(in: 0..<content.count / 4, using: &generator) * 4
            let small = UInt32.random(in: 0...300, using: &generator)
            let value = [0, 1, 7, UInt32.max, 0x8000_0000, UInt32(content.count), small].randomElement(using: &generator) ?? 0
            withUnsafeBytes(of: value) { content.replaceSubrange(place..<place + 4, with: $0) }
        }
        var table: [UInt8] = []
        for block in stride(from: 0, to: content.count, by: 4096) {
            table += sha256(of: Array(content[block..<min(content.count, block + 4096)])).hex.utf8
        }
        var words = String(decoding: file[..<start], as: UTF8.self).split(separator: " ").map(String.init)
        words[words.count - 2] = sha256(of: table).hex
        try Files.write(Array((words.joined(separator: " ") + "\n").utf8) + table + content, to: path)
        // An answer or a refusal of some kind, but no crash; and with the index gone the right one again.
        do {
            _ = try Solving.solve(request, progress: SilentProgress())
        } catch is ProvisionError {}
        if Files.exists(path) { try Files.remove(path) }
        #expect(try Solving.solve(request, progress: SilentProgress()) == right)
    }
}

/// The same numbers in each run (SplitMix64).
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
