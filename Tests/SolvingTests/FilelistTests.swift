import Diagnostics
import Solving
import System
import SystemPackage
import Testing

@Suite("File dependencies")
struct FilelistTests {
    @Test("a file that primary lists is found without file lists")
    func primaryIsEnough() throws {
        let fixture = try Fixture(
            .init("script", requires: ["/usr/bin/tool", "/etc/tool.conf"]),
            .init("tool", files: ["/usr/bin/tool", "/etc/tool.conf", "/usr/share/tool/data"]))
        #expect(try fixture.names("script") == ["script-1-1.noarch", "tool-1-1.noarch"])
        #expect(fixture.repositories[0].askedForFilelists.value == 0)
    }

    @Test("a file that only file lists tell makes them be loaded, and is found in them")
    func filelistsAreLoaded() throws {
        let fixture = try Fixture(
            .init("app", requires: ["/usr/share/tool/data"]), .init("tool", files: ["/usr/share/tool/data"]))
        #expect(try fixture.names("app") == ["app-1-1.noarch", "tool-1-1.noarch"])
        #expect(fixture.repositories[0].askedForFilelists.value == 1)
        #expect(try fixture.names("app") == ["app-1-1.noarch", "tool-1-1.noarch"])
        #expect(fixture.repositories[0].askedForFilelists.value == 1, "the second time they come from the cache")
    }

    @Test("a file that some other package needs doesn't make file lists be loaded")
    func unneededFile() throws {
        let fixture = try Fixture(.init("app"), .init("other", requires: ["/usr/share/tool/data"]))
        #expect(try fixture.names("app") == ["app-1-1.noarch"])
        #expect(fixture.repositories[0].askedForFilelists.value == 0)
    }

    @Test("a version isn't passed over only because its file dependency is not in primary")
    func noWrongFallback() throws {
        let fixture = try Fixture(
            .init("app", "1-1"), .init("app", "2-1", requires: ["/usr/share/tool/data"]),
            .init("tool", files: ["/usr/share/tool/data"]))
        #expect(try fixture.names("app") { $0.best = false } == ["app-2-1.noarch", "tool-1-1.noarch"])
    }

    @Test("a file that no package owns is told as missing")
    func missingFile() throws {
        let fixture = try Fixture(.init("app", requires: ["/usr/share/nowhere"]))
        let error = try #require(try fixture.refusal("app"))
        #expect(
            error.causes == [
                "app-1-1.noarch requires /usr/share/nowhere", "no enabled repository provides /usr/share/nowhere",
            ])
    }

    @Test("a conflict with a file that only file lists tell is seen")
    func conflictByFile() throws {
        let fixture = try Fixture(
            .init("app", conflicts: ["/usr/share/tool/data"]), .init("tool", files: ["/usr/share/tool/data"]))
        #expect(try fixture.refusal("app", "tool") != nil)
    }
}
