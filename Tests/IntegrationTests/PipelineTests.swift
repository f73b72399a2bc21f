import Foundation
import Glibc
import Model
import System
import SystemPackage
import Testing

/// Downloads, verification and installation at the same time, with a market of three packages: `z` first, then `m`, then `a`.
@Suite("Packages on their way from the mirror into the root")
struct PipelineTests {
    private let market: FixtureMarket
    /// In the order in which rpm must install them.
    private let order = ["z", "m", "a"]

    init() throws {
        market = try FixtureMarket()
        for (number, name) in order.enumerated() {
            // Large enough that the head is asked for alone, and unlike in size so that nothing but the order explains the order.
            let package = try market.factory.package(
                name, install: "head -c \(300_000 + 100_000 * number) /dev/urandom >$RPM_BUILD_ROOT/\(name)",
                files: ["/\(name)"],
                header: number > 0 ? "Requires: \(order[number - 1])" : "")
            try market.factory.sign(package, by: market.trusted)
            try market.add(package)
        }
        try market.publish()
    }

    private func path(_ name: String) -> String { "/market/\(name)-1-1.noarch.rpm" }
    private var words: [String] { ["base", "b", "a", "-c", market.configuration.string] }

    /// Requests for packages: their names, and where in the file they begin.
    private var requests: [(name: String, start: UInt64?)] {
        market.server.requests.compactMap { request in
            order.first { request.path == path($0) }.map { ($0, request.rangeStart) }
        }
    }

    private func isInstalled() throws -> Bool {
        let tree = market.program.state.appending("layers/b/tree")
        return try runChecked(["rpm", "--root", tree.string, "--dbpath", "/var/lib/rpm", "-qa", "--qf", "%{name} "]).text
            .split(separator: " ").map(String.init).filter { $0 != "gpg-pubkey" }.sorted() == ["a", "m", "z"]
    }

    @Test("heads come first, the rest in the order of the transaction, and no byte twice")
    func ordered() throws {
        try market.program.succeed(words + ["--jobs", "1"])
        let bulk = requests.filter { ($0.start ?? 0) > 0 }.map(\.name)
        // The line isn't left idle until rpm has said its order: one may go before.
        try #require(!bulk.isEmpty)
        #expect(bulk == order || Array(bulk.dropFirst()) == order.filter { $0 != bulk[0] })
        let heads = requests.filter { $0.start == 0 }.map(\.name)
        #expect(heads.sorted() == ["a", "m", "z"] && requests.prefix(3).allSatisfy { $0.start == 0 })
        let sizes = try order.map { try #require(Files.size(market.site.appending(path($0)))) }
        let metadata = market.server.requests.filter { !$0.path.hasSuffix(".rpm") }.map(\.path)
        let rest = try metadata.map { try #require(Files.size(market.site.appending($0))) }
        #expect(market.server.bytesSent == sizes.reduce(0, +) + rest.reduce(0, +))
        #expect(try isInstalled())
    }

    @Test("the largest package goes on from its head while the other heads come, and no byte comes twice")
    func largestFirst() throws {
        try market.program.succeed(words + ["--jobs", "2"])
        #expect(requests.first?.name == "a" && requests.first?.start == nil)
        #expect(requests.dropFirst().filter { $0.start == 0 }.map(\.name).sorted() == ["m", "z"])
        #expect(requests.count == 5)
        let files = Set(market.server.requests.map(\.path))
        let sizes = try files.map { try #require(Files.size(market.site.appending($0))) }
        #expect(market.server.bytesSent == sizes.reduce(0, +))
        #expect(try isInstalled())
    }

    @Test("a plan that is remembered has its packages fetched in the same way")
    func remembered() throws {
        try market.program.succeed(words + ["--jobs", "1"])
        try market.program.succeed(["rm", "b"])
        try runChecked(["rm", "-r", market.program.cache.appending("packages").string])
        market.server.forgetRequests()
        try market.program.succeed(words + ["--jobs", "1"])
        let starts = requests.map(\.start)
        #expect(
            starts.count == 6 && starts.prefix(3).allSatisfy { $0 == 0 } && starts.dropFirst(3).allSatisfy { ($0 ?? 0) > 0 })
        #expect(try isInstalled())
    }

    @Test("a package in the cache is not asked for, nor is its head")
    func cached() throws {
        try market.program.succeed(words)
        market.server.forgetRequests()
        try market.program.succeed(["rm", "b"])
        try market.program.succeed(words)
        #expect(requests.isEmpty)
        #expect(try isInstalled())
    }

    @Test("a repository of files goes the same way")
    func files() throws {
        try market.program.succeed(words + ["--setopt", "market.baseurl=file://\(market.repository)"])
        #expect(requests.isEmpty)
        #expect(try isInstalled())
    }

    @Test("a server that knows no ranges gets the whole files asked for", arguments: [416, 403])
    func withoutRanges(status: Int) throws {
        for name in order { market.server.misbehave(path(name), .refusedRanges(status)) }
        try market.program.succeed(words)
        #expect(try isInstalled())
    }

    @Test("the first packages are installed while the last is on its way; Ctrl-C then leaves nothing behind")
    func installsMeanwhile() throws {
        market.server.misbehave(path("a"), .drip(25_000))
        var run = try market.program.start(words + ["--progress", "json"])
        try run.wait(for: "the second package's turn") { $0.contains("m-1-1.noarch") && installs($0, "m-1-1.noarch") }
        let size = try #require(Files.size(market.site.appending(path("a"))))
        let total = order.map { Files.size(market.site.appending(path($0))) ?? 0 }.reduce(0, +)
        #expect(market.server.bytesSent < total - size / 4)
        let family = try ProcessFamily(of: run.pid)
        // The one that reads packages before anything vouches for them isn't root.
        #expect(family.members(of: 65534).count == 1)
        run.signal(SIGINT)
        #expect(try run.end() == .exited(130))
        #expect(family.survivors == [])
        #expect(try market.program.stagings == [] && market.program.layers().isEmpty)
        market.server.behave()
        try market.program.succeed(words)
        #expect(try isInstalled())
    }

    @Test("a package that can't be had stops the rest: exit 5, and the half-made root is gone")
    func missingPackage() throws {
        market.server.misbehave(path("a"), .onlyHeads(404))
        let (status, error) = try market.program.failure(words)
        #expect(status == 5 && error.message.contains("a-1-1.noarch"))
        #expect(try market.program.stagings == [] && market.program.layers().isEmpty)
    }

    @Test("a damaged package stops the rest although those before it were good: exit 4")
    func damagedPackage() throws {
        let file = market.site.appending(path("a"))
        var bytes = try Files.read(file)
        bytes[bytes.count - 1000] ^= 1
        // The metadata agrees with the damaged file: only the package's own digests tell.
        try Files.write(bytes, to: file)
        try market.publish()
        let (status, error) = try market.program.failure(words)
        #expect(status == 4)
        #expect(error.message == "package \"a-1-1.noarch\" of repository \"market\" does not agree with its own digests")
        #expect(try market.program.stagings == [] && market.program.layers().isEmpty)
    }

    /// Two mirrors, of which the first serves other bytes in some places of the package's file.
    private func damageFirstMirror(_ name: String, _ range: Range<Int>) throws {
        try runChecked(["cp", "-a", market.repository.string, market.site.appending("bad").string])
        let file = market.site.appending("bad/\(name)-1-1.noarch.rpm")
        var bytes = try Files.read(file)
        for place in range { bytes[place] ^= 0x55 }
        try Files.write(bytes, to: file)
        let urls = "\(market.server.url)/bad/ \(market.server.url)/market/"
        let text = try Files.readText(market.configuration)
        try Files.write(text.replacing(/baseurl=.*/, with: "baseurl=\(urls)"), to: market.configuration)
    }

    @Test(
        "a mirror with damaged heads is left for the next, and the report names it",
        arguments: ["in the signature", "in the header"])
    func damagedHead(place: String) throws {
        try damageFirstMirror("a", place == "in the header" ? 4000..<4050 : 0..<50)
        let output = try runProgram(market.program.arguments(words))
        #expect(output.status.succeeded, "\(output.standardError)")
        #expect(
            output.standardError.contains("mirror \"\(market.server.url)\" was left behind for \"a-1-1.noarch\": its sha256 is")
        )
        #expect(try isInstalled())
    }

    @Test("a small package that a mirror damages comes from the next")
    func damagedSmallPackage() throws {
        let package = try market.factory.package("a", header: "Requires: m")
        try market.factory.sign(package, by: market.trusted)
        try market.add(package)
        try market.publish()
        let size = Int(try #require(Files.size(market.site.appending(path("a")))))
        // The end comes with the head in one answer: what was read of it isn't mixed with the next mirror's bytes.
        try damageFirstMirror("a", (size - 100)..<size)
        for _ in 1...3 {
            try Files.remove(market.program.cache)
            let output = try runProgram(market.program.arguments(words + ["--fresh"]))
            #expect(output.status.succeeded, "\(output.standardError)")
        }
        #expect(try isInstalled())
    }

    @Test("wrong bytes that an earlier run left in a part are fetched anew")
    func damagedPart() throws {
        try market.program.succeed(["plan"] + words)
        let digest = try System.digest(ofFileAt: market.site.appending(path("a")), algorithm: .sha256).digest.hex
        let folder = market.program.cache.appending("packages/\(digest.prefix(2))")
        try Files.makeDirectory(folder)
        try Files.write([UInt8](repeating: 0, count: 100_000), to: folder.appending("\(digest).rpm.part"))
        try market.program.succeed(words)
        #expect(try isInstalled())
    }

    @Test("a header other than the one that the transaction was planned by is refused: exit 4")
    func anotherHeader() throws {
        func variant(_ url: String) throws -> FilePath {
            let package = try market.factory.package(
                "a", install: "head -c 500000 /dev/urandom >$RPM_BUILD_ROOT/a", files: ["/a"],
                header: "Requires: m\nURL: http://\(url).example.org")
            try market.factory.sign(package, by: market.trusted)
            return package
        }
        // Of the same name, signed by the same key, and as long.
        let other = try Files.read(try variant("bbb"))
        try market.add(try variant("aaa"))
        try market.publish()
        market.server.misbehave(path("a"), .content(other), times: 1)
        let (status, error) = try market.program.failure(words)
        #expect(status == 4)
        #expect(error.message.hasSuffix("came with another header than the one that was fetched before it"))
        #expect(try market.program.stagings == [] && market.program.layers().isEmpty)
    }

    /// Whether a log of JSON lines says that a package is being installed.
    private func installs(_ log: String, _ package: String) -> Bool {
        log.split(separator: "\n").contains {
            $0.contains("\"install\"") && $0.contains("\"advanced\"") && $0.contains(package)
        }
    }
}
