import Diagnostics
import Solving
import Testing

@Suite("What a refusal says")
struct RefusalTests {
    @Test("a missing dependency is told with the way to it and with what there is instead")
    func missingDependency() throws {
        let fixture = try Fixture(
            .init("foo", arch: "x86_64", requires: ["middle"]), .init("middle", requires: ["bar >= 2"]), .init("bar", "1-1"))
        let error = try #require(try fixture.refusal("foo"))
        #expect(error.code == .unsatisfiable)
        #expect(error.exitStatus == 3)
        #expect(error.message == "cannot install \"foo\"")
        #expect(
            error.causes == [
                "foo-1-1.x86_64 requires middle", "middle-1-1.noarch requires bar >= 2",
                "no enabled repository provides bar >= 2 (there is bar-1-1.noarch)",
            ])
    }

    @Test("the provider of a capability is named on the way")
    func providerNamed() throws {
        let fixture = try Fixture(
            .init("foo", requires: ["libx.so"]), .init("libx", provides: ["libx.so"], requires: ["nothing"]))
        let error = try #require(try fixture.refusal("foo"))
        #expect(
            error.causes == [
                "foo-1-1.noarch requires libx.so, which libx-1-1.noarch provides", "libx-1-1.noarch requires nothing",
                "no enabled repository provides nothing",
            ])
    }

    @Test("an unknown name is told with the nearest one")
    func unknownName() throws {
        let error = try #require(try Fixture(.init("vsftpd"), .init("other")).refusal("vsftp"))
        #expect(error.message == "cannot install \"vsftp\"")
        #expect(error.causes == ["no enabled repository has a package \"vsftp\" or one that provides it"])
        #expect(error.hint == "did you mean \"vsftpd\"?")
    }

    @Test("every unknown name is told at once")
    func severalUnknown() throws {
        let error = try #require(try Fixture(.init("a")).refusal("nope-one", "a", "nope-two"))
        #expect(error.message == "cannot install \"nope-one\" and \"nope-two\"")
        #expect(error.causes.count == 2)
    }

    @Test("an excluded package is told as excluded, by which word")
    func excluded() throws {
        let fixture = try Fixture(.init("foo"))
        let error = try #require(try fixture.refusal("foo") { $0.excludes = ["f*"] })
        #expect(error.causes == ["foo-1-1.noarch is excluded by \"f*\""])
        #expect(error.hint != nil)
    }

    @Test("a dependency that only an excluded package provides is told as excluded")
    func excludedDependency() throws {
        var fixture = try Fixture()
        try fixture.add("r", [.init("foo", requires: ["bar"]), .init("bar")], excludes: ["bar"])
        let error = try #require(try fixture.refusal("foo"))
        #expect(
            error.causes == ["foo-1-1.noarch requires bar", "bar-1-1.noarch is excluded by \"bar\" of repository \"r\""])
    }

    @Test("a package for another architecture is told as such")
    func foreign() throws {
        let fixture = try Fixture(.init("foo", arch: "ppc64le"), .init("bar", requires: ["foo"]))
        let direct = try #require(try fixture.refusal("foo"))
        #expect(direct.causes == ["foo-1-1.ppc64le is for architecture ppc64le, not for x86_64"])
        let dependency = try #require(try fixture.refusal("bar"))
        #expect(
            dependency.causes == [
                "bar-1-1.noarch requires foo",
                "no enabled repository provides foo (foo-1-1.ppc64le is for another architecture)",
            ])
    }

    @Test("two requests that conflict are both named, with the ways that lead to the conflict")
    func conflict() throws {
        let fixture = try Fixture(
            .init("a", requires: ["x"]), .init("b", requires: ["y"]), .init("x", conflicts: ["y"]), .init("y"))
        let error = try #require(try fixture.refusal("a", "b"))
        #expect(error.message == "cannot install \"a\" and \"b\"")
        #expect(
            error.causes == [
                "a-1-1.noarch requires x", "b-1-1.noarch requires y", "x-1-1.noarch conflicts with y (y-1-1.noarch)",
            ])
    }

    @Test("two versions of one package are told as not going together")
    func sameName() throws {
        let error = try #require(try Fixture(.init("a", "1-1"), .init("a", "2-1")).refusal("a-1", "a-2"))
        #expect(error.causes.count == 1)
        #expect(error.causes[0].hasSuffix("can't be installed together"))
    }

    @Test("an obsoleted package asked for together with its successor is told")
    func obsoleted() throws {
        let fixture = try Fixture(.init("old"), .init("new", obsoletes: ["old"]), .init("app", requires: ["old"]))
        let error = try #require(try fixture.refusal("app", "new"))
        #expect(error.causes == ["app-1-1.noarch requires old", "new-1-1.noarch obsoletes old (old-1-1.noarch)"])
    }

    @Test("a group's member that can't be installed names the group")
    func groupMember() throws {
        let fixture = try Fixture(.init("m", requires: ["missing"]))
        let error = try #require(
            try fixture.refusal { $0.groups = [RequestedGroup(id: "core", members: [.init("m")])] })
        #expect(error.message == "cannot install \"m\" of group \"core\"")
    }
}
