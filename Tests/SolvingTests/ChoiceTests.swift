import Diagnostics
import Model
import Solving
import Testing

@Suite("What is chosen")
struct ChoiceTests {
    @Test("a chain of requires is followed and nothing else comes along")
    func chain() throws {
        let fixture = try Fixture(
            .init("app", requires: ["libapp >= 2"]), .init("libapp", "1-1"), .init("libapp", "2-1", requires: ["core"]),
            .init("core"), .init("other"))
        #expect(try fixture.names("app") == ["app-1-1.noarch", "core-1-1.noarch", "libapp-2-1.noarch"])
    }

    @Test("the newest version wins; epoch beats version, tilde sorts before, caret after")
    func versions() throws {
        let fixture = try Fixture(
            .init("a", "2-1"), .init("a", "1:1-1"), .init("b", "1.0~rc1-1"), .init("b", "1.0-1"), .init("c", "1.0-1"),
            .init("c", "1.0^git1-1"))
        #expect(try fixture.names("a", "b", "c") == ["a-1:1-1.noarch", "b-1.0-1.noarch", "c-1.0^git1-1.noarch"])
    }

    @Test("packages that require each other are installed together")
    func cycle() throws {
        let fixture = try Fixture(.init("a", requires: ["b"]), .init("b", requires: ["c"]), .init("c", requires: ["a"]))
        #expect(try fixture.names("b") == ["a-1-1.noarch", "b-1-1.noarch", "c-1-1.noarch"])
    }

    @Test("a conflict makes the solver take another provider")
    func conflict() throws {
        let fixture = try Fixture(
            .init("app", requires: ["mta"], conflicts: ["sendmail"]), .init("postfix", provides: ["mta"]),
            .init("sendmail", provides: ["mta"]))
        #expect(try fixture.names("app") == ["app-1-1.noarch", "postfix-1-1.noarch"])
    }

    @Test("a package that obsoletes the one asked for comes in its place, unless obsoletes is off")
    func obsoletes() throws {
        let fixture = try Fixture(.init("old", "1-1"), .init("new", "2-1", provides: ["old = 2"], obsoletes: ["old < 2"]))
        #expect(try fixture.names("old") == ["new-2-1.noarch"])
        #expect(try fixture.names("old") { $0.obsoletes = false } == ["old-1-1.noarch"])
    }

    @Test("NAME takes the native architecture and doesn't drag in i686; NAME.ARCH takes the other")
    func multilib() throws {
        let fixture = try Fixture(
            .init("lib", arch: "x86_64", provides: ["lib.so()(64bit)"]), .init("lib", arch: "i686", provides: ["lib.so"]),
            .init("app32", arch: "i686", requires: ["lib.so"]))
        #expect(try fixture.names("lib") == ["lib-1-1.x86_64"])
        #expect(try fixture.names("lib.i686") == ["lib-1-1.i686"])
        #expect(try fixture.names("lib.*") == ["lib-1-1.i686", "lib-1-1.x86_64"])
        #expect(try fixture.names("lib") { $0.multilibPolicy = .all } == ["lib-1-1.i686", "lib-1-1.x86_64"])
        // Fedora's and EL's libsolv keep the architectures of one name in step; so does ours.
        #expect(try fixture.names("app32") == ["app32-1-1.i686", "lib-1-1.i686", "lib-1-1.x86_64"])
    }

    @Test("a repository of better priority hides newer packages of the same name; cost decides between equals")
    func priorityAndCost() throws {
        var fixture = try Fixture()
        try fixture.add("far", [.init("a", "2-1"), .init("b", "1-1"), .init("only", "1-1")], priority: 50, cost: 1000)
        try fixture.add("near", [.init("a", "1-1"), .init("b", "1-1")], priority: 10, cost: 1000)
        #expect(try fixture.names("a", "only") == ["a-1-1.noarch", "only-1-1.noarch"])

        var equals = try Fixture()
        try equals.add("dear", [.init("b")], cost: 900)
        try equals.add("cheap", [.init("b")], cost: 100)
        #expect(try equals.solve("b").plan.packages.map(\.repository) == ["cheap"])
    }

    @Test("excludes hide packages everywhere or in one repository, includes hide all others")
    func excludesAndIncludes() throws {
        let fixture = try Fixture(.init("a", "1-1"), .init("a", "2-1"), .init("b"))
        #expect(try fixture.names("a") { $0.excludes = ["a-2-1"] } == ["a-1-1.noarch"])

        var two = try Fixture()
        try two.add("one", [.init("a", "2-1"), .init("b", "2-1")], excludes: ["a*"])
        try two.add("two", [.init("a", "1-1"), .init("b", "1-1"), .init("c")], includes: ["a"])
        #expect(try two.names("a", "b") == ["a-1-1.noarch", "b-2-1.noarch"])
        #expect(try two.refusal("c") != nil)
        #expect(try two.refusal("b") { $0.includes = ["a"] } != nil)
    }

    @Test("weak dependencies come only when asked for, and never make a request fail")
    func weak() throws {
        let fixture = try Fixture(
            .init("app", recommends: ["nice", "missing"]), .init("nice"), .init("extra", supplements: ["app"]))
        #expect(try fixture.names("app") == ["app-1-1.noarch"])
        #expect(
            try fixture.names("app") { $0.weakDependencies = true } == [
                "app-1-1.noarch", "extra-1-1.noarch", "nice-1-1.noarch",
            ])
    }

    @Test("rich dependencies: or, with, and if")
    func rich() throws {
        let fixture = try Fixture(
            .init("either", requires: ["(missing or b)"]), .init("b"),
            .init("with", requires: ["(cap >= 2 with cap < 3)"]), .init("cap2", provides: ["cap = 2"]),
            .init("cap3", provides: ["cap = 3"]), .init("conditional", requires: ["(lang if b)"]), .init("lang"))
        #expect(try fixture.names("either") == ["b-1-1.noarch", "either-1-1.noarch"])
        #expect(try fixture.names("with") == ["cap2-1-1.noarch", "with-1-1.noarch"])
        #expect(try fixture.names("conditional") == ["conditional-1-1.noarch"])
        #expect(try fixture.names("conditional", "b") == ["b-1-1.noarch", "conditional-1-1.noarch", "lang-1-1.noarch"])
    }

    @Test("with best the newest candidate is insisted on, without it an older one that can be installed is taken")
    func best() throws {
        let fixture = try Fixture(.init("a", "1-1"), .init("a", "2-1", requires: ["missing"]))
        #expect(try fixture.names("a") { $0.best = false } == ["a-1-1.noarch"])
        let error = try #require(try fixture.refusal("a"))
        #expect(error.hint?.contains("best=0") == true)
    }

    @Test("of a group the named members come, conditional ones only with their condition, a missing one is a warning")
    func groups() throws {
        let fixture = try Fixture(.init("m1"), .init("m2"), .init("lang-pack"), .init("office"))
        let group = RequestedGroup(
            id: "core", members: [.init("m1"), .init("m2"), .init("gone"), .init("lang-pack", condition: "office")])
        let plain = try fixture.solve { $0.groups = [group] }
        #expect(plain.plan.packages.map(\.nevra.name).sorted() == ["m1", "m2"])
        #expect(plain.plan.warnings.count == 1)
        #expect(plain.plan.warnings[0].contains("\"gone\""))
        #expect(plain.plan.packages.allSatisfy { $0.reason == .group(id: "core") })
        #expect(try fixture.names("office") { $0.groups = [group] }.contains("lang-pack-1-1.noarch"))
    }

    @Test("dependencies come before what needs them, in the same order each time")
    func order() throws {
        let fixture = try Fixture(
            .init("z", requires: ["m"]), .init("m", requires: ["a"]), .init("a"), .init("q", requires: ["z"]))
        let first = try fixture.solve("q").plan.packages.map(\.nevra.name)
        #expect(first == ["a", "m", "z", "q"])
        #expect(try fixture.solve("q").plan.packages.map(\.nevra.name) == first)
    }

    @Test("a planned package carries what is needed to fetch and check it")
    func facts() throws {
        var package = FixturePackage("a", "3:1.2-4.el9", arch: "x86_64")
        package.base = "http://example.com/other/"
        let fixture = try Fixture(package)
        let planned = try #require(try fixture.solve("a").plan.packages.first)
        #expect(planned.nevra == NEVRA(name: "a", epoch: 3, version: "1.2", release: "4.el9", arch: "x86_64"))
        #expect(planned.location == "Packages/a-1.2-4.el9.x86_64.rpm")
        #expect(planned.locationBase == "http://example.com/other/")
        #expect(planned.checksum.algorithm == .sha256)
        #expect((planned.size, planned.installedSize) == (1000, 5000))
        #expect(planned.summary == "The a package")
        #expect(planned.repository == "test")
    }
}
