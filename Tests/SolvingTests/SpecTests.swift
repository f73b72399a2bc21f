import Diagnostics
import Solving
import Testing

@Suite("How specs are read")
struct SpecTests {
    private func fixture() throws -> Fixture {
        try Fixture(
            .init("foo", "1.0-1", arch: "x86_64"), .init("foo", "2:1.5-3", arch: "x86_64"), .init("foo-bar", "1.0-1"),
            .init("foo-baz", "7-7"), .init("server", "3.0-1", provides: ["smtp = 3"], files: ["/usr/sbin/serve"]),
            .init("data", files: ["/usr/share/data/table"]))
    }

    @Test(
        "every form that dnf knows finds its package",
        arguments: [
            ("foo", ["foo-2:1.5-3.x86_64"]), ("foo.x86_64", ["foo-2:1.5-3.x86_64"]), ("foo-1.0", ["foo-1.0-1.x86_64"]),
            ("foo-1.0-1", ["foo-1.0-1.x86_64"]), ("foo-1.0-1.x86_64", ["foo-1.0-1.x86_64"]),
            ("foo-2:1.5-3", ["foo-2:1.5-3.x86_64"]), ("foo-2:1.5-3.x86_64", ["foo-2:1.5-3.x86_64"]),
            ("foo-1.5-3", ["foo-2:1.5-3.x86_64"]), ("foo-bar", ["foo-bar-1.0-1.noarch"]),
            ("foo-ba*", ["foo-bar-1.0-1.noarch", "foo-baz-7-7.noarch"]), ("foo-ba[r]", ["foo-bar-1.0-1.noarch"]),
            ("foo-1.*", ["foo-2:1.5-3.x86_64"]), ("smtp", ["server-3.0-1.noarch"]), ("smtp >= 2", ["server-3.0-1.noarch"]),
            ("smtp>=2", ["server-3.0-1.noarch"]), ("foo < 2:1", ["foo-1.0-1.x86_64"]), ("foo = 1.0-1", ["foo-1.0-1.x86_64"]),
            ("/usr/sbin/serve", ["server-3.0-1.noarch"]), ("/usr/share/data/table", ["data-1-1.noarch"]),
            ("*/data/table", ["data-1-1.noarch"]), ("(nothing or smtp)", ["server-3.0-1.noarch"]),
        ])
    func forms(spec: String, expected: [String]) throws {
        #expect(try fixture().names(spec) == expected)
    }

    @Test("a comparison that no version meets is refused and names what there is")
    func comparison() throws {
        let error = try #require(try fixture().refusal("foo >= 3:0"))
        #expect(error.code == .unsatisfiable)
        #expect(error.causes == ["no enabled repository has \"foo >= 3:0\" (there is foo-2:1.5-3.x86_64)"])
    }
}
