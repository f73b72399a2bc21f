import Diagnostics
import Solving
import System
import SystemPackage
import Testing

@Suite("The cache of parsed metadata")
struct CacheTests {
    private func cacheFile(_ fixture: borrowing Fixture) throws -> FilePath {
        try fixture.cacheFiles(suffix: "-primary.solv")[0]
    }

    @Test("the second resolution needs the metadata file no more")
    func warm() throws {
        let fixture = try Fixture(.init("a", requires: ["b"]), .init("b", files: ["/usr/bin/b"]))
        #expect(try fixture.names("a") == ["a-1-1.noarch", "b-1-1.noarch"])
        try Files.remove(fixture.repositories[0].source.primary)
        #expect(try fixture.names("a") == ["a-1-1.noarch", "b-1-1.noarch"])
        #expect(try fixture.names("/usr/bin/b") == ["b-1-1.noarch"])
    }

    @Test(
        "a cache file that is cut off, changed in one byte or empty is thrown away and made anew",
        arguments: ["cut", "flip", "empty", "foreign"])
    func damaged(how: String) throws {
        let fixture = try Fixture(.init("a", requires: ["b"]), .init("b"))
        _ = try fixture.solve("a")
        let path = try cacheFile(fixture)
        let good = try Files.read(path)
        var bad = good
        switch how {
        case "cut": bad.removeLast(bad.count / 2)
        case "flip": bad[bad.count - 5] ^= 0x40
        case "empty": bad = []
        default: bad = Array("SOLV\0\0\0\u{8}".utf8)
        }
        try Files.write(bad, to: path)
        // Else nothing looks at it.
        for index in try fixture.cacheFiles(suffix: "-closure") { try Files.remove(index) }
        #expect(try fixture.names("a") == ["a-1-1.noarch", "b-1-1.noarch"])
        #expect(try Files.read(path) == good)
    }

    @Test("a cache file that others may write is not believed")
    func writableByOthers() throws {
        let fixture = try Fixture(.init("a"))
        _ = try fixture.solve("a")
        let path = try cacheFile(fixture)
        try Files.write(try Files.read(path), to: path, mode: 0o666)
        for index in try fixture.cacheFiles(suffix: "-closure") { try Files.remove(index) }
        try Files.remove(fixture.repositories[0].source.primary)
        #expect(throws: ProvisionError.self) { try fixture.names("a") }
    }

    @Test("another generation of the metadata has another cache")
    func generations() throws {
        var fixture = try Fixture()
        try fixture.add("r", [.init("a", "1-1")])
        #expect(try fixture.names("a") == ["a-1-1.noarch"])
        var newer = try Fixture()
        try newer.add("r", [.init("a", "2-1")])
        let cache = fixture.directory.path.appending("solv")
        #expect(try newer.names("a") { $0.cache = cache } == ["a-2-1.noarch"])
        #expect(try Files.names(in: cache).filter { $0.hasSuffix("-primary.solv") }.count == 2)
    }

    @Test(
        "metadata that isn't well-formed is refused, named, and not cached", arguments: ["<metadata><package>", "", "no xml"])
    func malformed(text: String) throws {
        let fixture = try Fixture(.init("a"))
        try Files.write(text, to: fixture.repositories[0].source.primary)
        let error = try #require(try fixture.refusal("a"))
        #expect(error.code == .verification)
        #expect(error.message.contains("\"test\""))
        #expect(try Files.names(in: fixture.directory.path.appending("solv")).isEmpty)
    }

    @Test("a small file that unpacks to more than the limit is refused")
    func zipBomb() throws {
        var fixture = try Fixture()
        try fixture.add("r", [.init("a")])
        let plain = fixture.repositories[0].source.primary
        let bomb = FilePath(plain.string + ".gz")
        let text = try Files.readText(plain) + String(repeating: " ", count: 4 << 20)
        try Files.write(try runProgram(["gzip", "-c"], input: Array(text.utf8)).standardOutput, to: bomb)
        #expect(try Files.read(bomb).count < 10_000)
        let error = try #require(
            try fixture.refusal("a") {
                $0.repositories[0].primary = bomb
                $0.metadataLimit = 1 << 20
            })
        #expect(error.code == .verification)
        #expect(error.message.hasSuffix("it unpacks to more than 1.0 MiB"))
    }

    @Test(
        "every compression is read by its suffix",
        arguments: [("gzip", ".gz"), ("xz", ".xz"), ("zstd", ".zst"), ("bzip2", ".bz2")])
    func compressions(program: String, suffix: String) throws {
        let fixture = try Fixture(.init("a"))
        let plain = fixture.repositories[0].source.primary
        let packed = FilePath(plain.string + suffix)
        try Files.write(try runProgram([program, "-c"], input: try Files.read(plain)).standardOutput, to: packed)
        #expect(try fixture.names("a") { $0.repositories[0].primary = packed } == ["a-1-1.noarch"])
    }

    @Test("a compressed file that is cut off is refused", arguments: [("gzip", ".gz"), ("xz", ".xz"), ("zstd", ".zst")])
    func truncated(program: String, suffix: String) throws {
        let fixture = try Fixture(.init("a"), .init("b"), .init("c"))
        let plain = fixture.repositories[0].source.primary
        let packed = FilePath(plain.string + suffix)
        let whole = try runProgram([program, "-c"], input: try Files.read(plain)).standardOutput
        try Files.write(Array(whole.dropLast(whole.count / 3)), to: packed)
        let error = try #require(try fixture.refusal("a") { $0.repositories[0].primary = packed })
        #expect(error.code == .verification)
    }

    @Test("a cache directory that can't be made costs time only")
    func noCache() throws {
        let fixture = try Fixture(.init("a"))
        try Files.write("in the way", to: fixture.directory.path.appending("file"))
        let blocked = fixture.directory.path.appending("file").appending("solv")
        #expect(try fixture.names("a") { $0.cache = blocked } == ["a-1-1.noarch"])
    }
}
