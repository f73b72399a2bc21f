import Foundation
import Glibc
import System
import SystemPackage
import Testing

/// Layers for several applications in one call, and by several processes at once.
@Suite("Several applications on one base")
struct SeveralLayersTests {
    private let market: FixtureMarket
    private let names = ["one", "two", "three"]

    private struct Layers: Decodable { var layers: [BuildDocument] }

    init() throws {
        market = try FixtureMarket()
        func add(_ name: String, _ header: String = "", sections: String = "") throws {
            let package = try market.factory.package(
                name, install: "head -c 300000 /dev/urandom >$RPM_BUILD_ROOT/\(name)", files: ["/\(name)"],
                sections: sections, header: header)
            try market.factory.sign(package, by: market.trusted)
            try market.add(package)
        }
        let shell = try market.factory.shell()
        try market.factory.sign(shell, by: market.trusted)
        try market.add(shell)
        try add("shared")
        for name in names { try add(name, "Requires: shared", sections: "%post\necho \(name) >/made-\(name)\n") }
        for name in ["left", "right"] { try add(name) }
        try add("bad", sections: "%pre\necho no good; exit 3\n")
        try add("unmet", "Requires: nothing-has-this")
        try market.publish()
        try market.program.succeed(["base", "base", "shell", "-c", market.configuration.string])
        market.server.forgetRequests()
    }

    private func files(of layer: String) throws -> [String] {
        try market.program.succeed(["files", layer, "--json"]).contains("\"/made-\(layer)\"")
            ? Files.names(in: market.program.state.appending("layers/\(layer)/tree")).filter { $0 != "var" } : []
    }

    @Test("each becomes a layer of its own, and what they share is fetched once")
    func each() throws {
        let answer = try market.program.json(Layers.self, ["app"] + names + ["--on", "base", "--each"])
        #expect(answer.layers.map(\.name) == names)
        for (layer, name) in zip(answer.layers, names) {
            let packages = layer.packages.map(\.name).sorted()
            #expect(!layer.reused && packages == [name, "shared"].sorted())
            let files = try files(of: name)
            #expect(files == ["made-\(name)", name, "shared"].sorted())
        }
        let shared = market.server.requests.filter { $0.path.contains("/shared-1-1") }
        // Its head, and the rest.
        let fromTheStart = shared.count { $0.rangeStart ?? 0 == 0 }
        #expect(shared.count <= 2 && fromTheStart == 1)
        #expect(try market.program.stagings == [])

        let again = try market.program.json(Layers.self, ["app"] + names + ["--on", "base", "--each"])
        #expect(again.layers.map(\.reused) == [true, true, true])
    }

    @Test("a layer made with others is the layer that is made alone")
    func sameAsAlone() throws {
        let alone = try market.program.json(BuildDocument.self, ["app", "two", "--on", "base"])
        try market.program.succeed(["rm", "two"])
        let together = try market.program.json(Layers.self, ["app"] + names + ["--on", "base", "--each"])
        #expect(together.layers[1].digest == alone.digest)
    }

    @Test("a file names the layers, a line each")
    func fromFile() throws {
        let file = market.factory.path.appending("apps")
        try Files.write("# what we run\none two\n\nthree  # alone\n", to: file)
        let answer = try market.program.json(Layers.self, ["app", "--from-file", file.string, "--on", "base"])
        #expect(answer.layers.map(\.name) == ["one", "three"])
        #expect(answer.layers[0].packages.map(\.name).sorted() == ["one", "shared", "two"])
    }

    @Test("what can't be resolved is said before anything is made: exit 3, with the layer's name")
    func unsatisfiable() throws {
        let (status, error) = try market.program.failure(["app", "one", "unmet", "--on", "base", "--each"])
        #expect(status == 3 && error.message.hasPrefix("unmet: "))
        #expect(try market.program.layers().map(\.name) == ["base"])
        #expect(market.server.requests.filter { $0.path.hasSuffix(".rpm") }.isEmpty)
    }

    @Test("one whose scriptlet fails doesn't stop the others, and is named")
    func oneFails() throws {
        let (status, error) = try market.program.failure(["app", "one", "bad", "two", "--on", "base", "--each"])
        #expect(status == 1 && error.message == "1 of 3 layers could not be made")
        #expect(error.hint == "these are there: one, two")
        #expect(error.causes.first == "bad: the %pre scriptlet of package \"bad-1-1.noarch\" failed")
        #expect(try market.program.layers().map(\.name).sorted() == ["base", "one", "two"])
        #expect(try market.program.stagings == [])
    }

    @Test("two layers of one name are refused: exit 2")
    func oneNameTwice() throws {
        #expect(try market.program.failure(["app", "one", "one", "--on", "base", "--each"]).status == 2)
    }

    @Test("two processes make two applications on one base at the same time")
    func atOnce() throws {
        let paths = ["left", "right"].map { "/market/\($0)-1-1.noarch.rpm" }
        for path in paths { market.server.misbehave(path, .drip(20_000)) }
        let options = ["--on", "base", "--progress", "json"]
        var left = try market.program.start(["app", "left"] + options)
        try left.wait(for: "the left one's package") { _ in market.server.requests.contains { $0.path == paths[0] } }
        var right = try market.program.start(["app", "right"] + options)
        // Both are at their packages, and neither was told to wait.
        try right.wait(for: "the right one's package") { _ in market.server.requests.contains { $0.path == paths[1] } }
        #expect(try market.program.layers().map(\.name) == ["base"])
        #expect(!(left.text + right.text).contains("waiting for"))
        market.server.behave()
        #expect(try left.end() == .exited(0))
        #expect(try right.end() == .exited(0))
        #expect(try market.program.layers().map(\.name).sorted() == ["base", "left", "right"])
    }

    @Test("a second run for the same layer waits, says for whom, and then has nothing left to do")
    func sameNameAtOnce() throws {
        market.server.misbehave("/market/one-1-1.noarch.rpm", .drip(100_000))
        let words = ["app", "one", "--on", "base", "-v"]
        var first = try market.program.start(words)
        try first.wait(for: "its package") { _ in market.server.requests.contains { $0.path.contains("/one-1-1") } }
        let second = try market.program.run("app", "one", "--on", "base")
        #expect(second.status.succeeded && second.text.contains("is there already"))
        #expect(second.standardError.contains("waiting for another run that makes \"one\": provision app one --on base"))
        #expect(try first.end() == .exited(0))
    }

    @Test("a run that needs a file that another one fetches says who does, and goes on with it when it has come")
    func fetchedElsewhere() throws {
        let shared = "/market/shared-1-1.noarch.rpm"
        market.server.misbehave(shared, .drip(20_000))
        var first = try market.program.start(["app", "one", "--on", "base"])
        try first.wait(for: "what both need") { _ in market.server.requests.contains { $0.path == shared } }
        var second = try market.program.start(["app", "two", "--on", "base", "--progress", "json"])
        let (pid, server) = (first.pid, market.server)
        try second.wait(for: "who fetches it") { $0.contains("shared-1-1.noarch, which process \(pid) fetches") }
        let gc = try market.program.run("gc")
        let users = [pid, second.pid].sorted().map { "process \($0)" }
        #expect(users.allSatisfy { gc.standardError.contains($0) } && gc.standardError.contains("the cache is in use by"))
        server.behave()
        #expect(try first.end() == .exited(0))
        #expect(try second.end() == .exited(0))
        #expect(market.server.requests.count { $0.path == shared && $0.rangeStart ?? 0 == 0 } == 1)
    }
}
