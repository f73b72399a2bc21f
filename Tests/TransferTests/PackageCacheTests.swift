import Model
import System
import SystemPackage
import Testing
import Transfer

@Suite("the package cache")
struct PackageCacheTests {
    @Test("packages lie by digest, other algorithms than sha256 by their name too")
    func paths() throws {
        let cache = PackageCache(cache: "/c")
        let long = try #require(ContentDigest(.sha256, hex: String(repeating: "ab", count: 32)))
        let other = try #require(ContentDigest(.sha1, hex: String(repeating: "cd", count: 20)))
        #expect(cache.path(for: long).string == "/c/packages/ab/\(long.hex).rpm")
        #expect(cache.path(for: other).string == "/c/packages/cd/sha1-\(other.hex).rpm")
    }

    @Test("a file of another length doesn't count, and a discarded one is gone")
    func holds() throws {
        let directory = try TemporaryDirectory()
        let cache = PackageCache(cache: directory.path)
        let digest = sha256(of: "package")
        #expect(!cache.holds(digest, size: 7))
        try Files.makeDirectory(cache.path(for: digest).removingLastComponent())
        try Files.write("package", to: cache.path(for: digest))
        #expect(cache.holds(digest, size: 7))
        #expect(!cache.holds(digest, size: 8))
        try cache.discard(digest)
        #expect(!cache.holds(digest, size: 7))
    }
}
