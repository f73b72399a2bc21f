import Model
import Solving
import System
import SystemPackage
import Testing

@Suite("Looking around in repositories")
struct PackageIndexTests {
    private func index(_ fixture: borrowing Fixture, excludes: [String] = []) throws -> PackageIndex {
        try PackageIndex(
            fixture.repositories.map(\.source), architecture: "x86_64", excludes: excludes,
            cache: fixture.directory.path.appending("solv"))
    }

    @Test("the very name comes first, then beginnings, then parts of names, then what is provided, then summaries")
    func ranking() throws {
        let fixture = try Fixture(
            .init("zlib"), .init("lib"), .init("libz"), .init("other", provides: ["virtual(LIB)"]), .init("nothing"))
        #expect(try index(fixture).search(["lib"]).map(\.nevra.name) == ["lib", "libz", "zlib", "other"])
        // "The other package" is its summary.
        #expect(try index(fixture).search(["PACKAGE", "nothing"]).map(\.nevra.name) == ["nothing"])
        #expect(try index(fixture).search(["lib", "absent"]).isEmpty)
    }

    @Test("only the newest version is found, and none that is hidden or foreign")
    func newest() throws {
        let fixture = try Fixture(
            .init("foo", "1-1"), .init("foo", "10-1"), .init("foo", "9-1"), .init("foo-arm", arch: "aarch64"))
        #expect(try index(fixture).search(["foo"]).map(\.nevra.description) == ["foo-10-1.noarch"])
        #expect(try index(fixture, excludes: ["foo-10*"]).search(["foo"]).map(\.nevra.description) == ["foo-9-1.noarch"])
    }

    @Test("a package in full says what it needs and why a build wouldn't take it")
    func description() throws {
        let fixture = try Fixture(.init("foo", requires: ["bar >= 2"]), .init("arm", arch: "aarch64"))
        let foo = try #require(try index(fixture).packages(matching: "foo").first)
        #expect(foo.requires == ["bar >= 2"])
        #expect(foo.notInstallable == nil)
        #expect(try index(fixture, excludes: ["foo"]).packages(matching: "foo").first?.notInstallable == "excluded by \"foo\"")
        #expect(try index(fixture).packages(matching: "arm").first?.notInstallable == "made for another architecture")
        #expect(try index(fixture).packages(matching: "absent").isEmpty)
        #expect(try index(fixture).nearestName(to: "fooo") == "foo")
    }

    @Test("what a build would be offered is neither hidden nor foreign")
    func offers() throws {
        let fixture = try Fixture(.init("foo"), .init("arm", arch: "aarch64"))
        #expect(try index(fixture).offers("foo"))
        #expect(try !index(fixture, excludes: ["foo"]).offers("foo"))
        #expect(try !index(fixture).offers("arm"))
    }

    @Test("packages are counted by repository")
    func contents() throws {
        var fixture = try Fixture(.init("foo"), .init("bar"))
        try fixture.add("other", [.init("baz")])
        #expect(try index(fixture).contents().map { "\($0.id) \($0.packages)" } == ["test 2", "other 1"])
    }

    @Test("versions are compared as rpm does")
    func order() {
        func nevra(_ version: String, epoch: UInt32 = 0) -> NEVRA {
            NEVRA(name: "a", epoch: epoch, version: version, release: "1", arch: "noarch")
        }
        let order = VersionOrder()
        #expect(order.compare(nevra("1.9"), nevra("1.10")) < 0)
        #expect(order.compare(nevra("1.0~rc1"), nevra("1.0")) < 0)
        #expect(order.compare(nevra("9"), nevra("1", epoch: 1)) < 0)
        #expect(order.compare(nevra("1"), nevra("1")) == 0)
    }
}
