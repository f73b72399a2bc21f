import Glibc
import Model
import System
import SystemPackage
import Testing

@Suite("package files and URLs among the specs")
struct PackageFileTests {
    /// A market that sells "goods", and package files that are in no repository.
    private static func market() throws -> FixtureMarket {
        let market = try FixtureMarket()
        try market.add(try market.goods(signedBy: market.trusted))
        try market.publish()
        return market
    }

    private static func extra(_ market: FixtureMarket, version: String = "1", signedBy key: TrustedKey?) throws -> FilePath {
        let package = try market.factory.package(
            "extra", version: version, install: "echo \(version) >$RPM_BUILD_ROOT/extra", files: ["/extra"],
            header: "Requires: goods")
        if let key { try market.factory.sign(package, by: key) }
        return package
    }

    private static func plan(_ market: FixtureMarket, _ words: String...) throws -> BuildDocument {
        try market.program.json(BuildDocument.self, ["plan", "base", "t", "-c", market.configuration.string] + words)
    }

    @Test("a file is installed with what it needs, from no repository, and its lock says where it was and what it is")
    func file() throws {
        let market = try Self.market()
        let package = try Self.extra(market, signedBy: market.trusted)
        let sum = try digest(ofFileAt: package).digest.hex
        let words = ["base", "shop", package.string, "-c", market.configuration.string]
        let plan = try Self.plan(market, package.string)
        #expect(plan.packages.map(\.name) == ["goods", "extra"])
        let planned = try #require(plan.packages.last)
        #expect(planned.repo == "@commandline")
        #expect(planned.location == package.string)
        #expect(planned.sha256 == sum)
        #expect(planned.reason == "requested")
        let table = try market.program.succeed(["plan"] + words)
        #expect(table.contains("@commandline"))

        let lock = market.factory.path.appending("shop.lock")
        try market.program.succeed(["lock"] + words + ["-o", lock.string])
        let text = try Files.readText(lock)
        #expect(text.contains("location = \"\(package)\"\ndigest = \"sha256:\(sum)\""), "\(text)")

        let built = try market.program.json(BuildDocument.self, words)
        #expect(try Files.readText(FilePath(try #require(built.path)).appending("extra")) == "1\n")
        let again = try market.program.json(BuildDocument.self, words)
        #expect(again.reused)
        // From the lock, with the file gone: the cache has it.
        try Files.remove(package)
        let locked = try market.program.json(
            BuildDocument.self,
            ["base", "locked", "--locked", lock.string, "-c", market.configuration.string])
        #expect(locked.digest == built.digest)
    }

    @Test("another file under the same name is another request")
    func changedFile() throws {
        let market = try Self.market()
        let first = try Self.extra(market, signedBy: market.trusted)
        let place = market.factory.path.appending("extra.rpm")
        try runChecked(["cp", first.string, place.string])
        let words = ["base", "shop", place.string, "-c", market.configuration.string]
        let built = try market.program.json(BuildDocument.self, words)
        try runChecked(["cp", try Self.extra(market, version: "2", signedBy: market.trusted).string, place.string])
        #expect(try market.program.failure(words).error.code == "conflict")
        let fresh = try market.program.json(BuildDocument.self, words + ["--fresh"])
        #expect(fresh.digest != built.digest)
    }

    @Test(
        "unsigned, or signed by a key that no repository trusts: refused by the name that was typed, unless that is asked for")
    func signatures() throws {
        let market = try Self.market()
        let unsigned = try Self.extra(market, signedBy: nil)
        let foreign = try Self.extra(market, version: "2", signedBy: market.other)
        let words = ["plan", "base", "t", "-c", market.configuration.string]
        let first = try market.program.failure(words + [unsigned.string])
        #expect(first.status == 4)
        #expect(first.error.message == "the package file \"\(unsigned)\" is not signed")
        let second = try market.program.failure(words + [foreign.string])
        #expect(second.status == 4)
        #expect(second.error.message.hasPrefix("the package file \"\(foreign)\" is signed by the key "))
        #expect(second.error.message.contains(market.other.fingerprint.suffix(16)))
        for file in [unsigned, foreign] {
            let plan = try Self.plan(market, file.string, "--no-gpgcheck")
            #expect(plan.packages.contains { $0.name == "extra" })
            #expect(plan.warnings.contains { $0.contains("\"\(file)\" is not checked") }, "\(plan.warnings)")
        }
    }

    @Test("what is no package, damaged, a source package, a directory, a FIFO or nothing is refused by the name that was typed")
    func noPackage() throws {
        let market = try Self.market()
        let folder = try market.factory.makeDirectory("odd")
        let text = folder.appending("text.rpm")
        try Files.write(String(repeating: "not a package\n", count: 100), to: text)
        let damaged = folder.appending("damaged.rpm")
        var bytes = try Files.read(try Self.extra(market, signedBy: market.trusted))
        bytes[bytes.count - 20] ^= 1
        try Files.write(bytes, to: damaged)
        let directory = folder.appending("directory.rpm")
        try Files.makeDirectory(directory)
        let fifo = folder.appending("fifo.rpm")
        #expect(mkfifo(fifo.string, 0o600) == 0)
        let words = ["plan", "base", "t", "-c", market.configuration.string]
        for (file, complaint) in [
            (text, "is not an rpm package"), (damaged, "does not agree with its own digests"),
            (directory, "is not an rpm package"), (fifo, "is not an rpm package"),
        ] {
            let refused = try market.program.failure(words + [file.string])
            #expect(refused.status == 4)
            #expect(refused.error.message.contains("\"\(file)\" \(complaint)"), "\(refused.error.message)")
        }
        let missing = try market.program.failure(words + ["goods.rpm"])
        #expect(missing.status == 1)
        #expect(missing.error.message == "there is no package file \"goods.rpm\"")
        #expect(missing.error.hint?.contains("leave out \".rpm\"") == true)
    }

    @Test("a URL is fetched once for plan and build, and again once it expired; its password is said nowhere")
    func url() throws {
        let market = try Self.market()
        let package = try Self.extra(market, signedBy: market.trusted)
        try Files.makeDirectory(market.site.appending("files"))
        try runChecked(["cp", package.string, market.site.appending("files/extra.rpm").string])
        let host = market.server.url.dropFirst("http://".count)
        let url = "http://me:s3cret@\(host)/files/extra.rpm"
        func requests() -> Int { market.server.requests.count { $0.path == "/files/extra.rpm" } }

        let plan = try Self.plan(market, url)
        #expect(plan.packages.last?.location == "http://\(host)/files/extra.rpm")
        #expect(requests() == 1)
        #expect(market.server.requests.last { $0.path == "/files/extra.rpm" }?.headers["authorization"] != nil)
        let words = ["base", "shop", url, "-c", market.configuration.string]
        let built = try market.program.json(BuildDocument.self, words)
        #expect(built.packages.map(\.name) == ["goods", "extra"])
        #expect(requests() == 1)
        #expect(try !runChecked(["cat", "\(market.program.state)/layers/shop/layer.json"]).text.contains("s3cret"))
        let lock = try market.program.succeed(["lock"] + words + ["-o", "-"])
        #expect(!lock.contains("s3cret"))
        _ = try Self.plan(market, url, "--setopt", "metadata_expire=0")
        #expect(requests() == 2)
        try market.program.succeed(["gc"])
        #expect(try Self.plan(market, url).packages.count == 2)
        #expect(requests() == 2)
    }

    @Test("a URL with no package at its end is refused by its own name, and nothing of it stays in the cache")
    func wrongURL() throws {
        let market = try Self.market()
        try Files.makeDirectory(market.site.appending("files"))
        try Files.write("<html>not here</html>", to: market.site.appending("files/page.rpm"))
        let words = ["plan", "base", "t", "-c", market.configuration.string]
        let page = try market.program.failure(words + ["\(market.server.url)/files/page.rpm"])
        #expect(page.status == 4)
        #expect(page.error.message == "the package file \"\(market.server.url)/files/page.rpm\" is not an rpm package")
        let missing = try market.program.failure(words + ["\(market.server.url)/files/none.rpm"])
        #expect(missing.status == 5)
        #expect("\(missing.error.message)\(missing.error.causes)".contains("404"))
        #expect(try Files.names(in: market.program.cache.appending("urls")).isEmpty)
    }

    @Test("a file name where a layer's name belongs is explained; an app takes its name from the file's")
    func names() throws {
        let market = try Self.market()
        let package = try Self.extra(market, signedBy: market.trusted)
        let refused = try market.program.failure(["base", package.string, "-c", market.configuration.string])
        #expect(refused.status == 2)
        #expect(refused.error.hint?.contains("provision base NAME") == true)
        try market.program.succeed(["base", "shop", "goods", "-c", market.configuration.string])
        let app = try market.program.json(
            BuildDocument.self, ["app", package.string, "--on", "shop", "-c", market.configuration.string])
        #expect(app.name == "extra")
        #expect(app.packages.map(\.name) == ["extra"])
    }
}
