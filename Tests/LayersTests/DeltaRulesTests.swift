import Diagnostics
import Glibc
import Layers
import Model
import System
import SystemPackage
import Testing

struct DeltaRulesTests {
    @Test(
        "patterns match names, not slashes; ** matches any number of names",
        arguments: [
            ("var/log/*.log", "var/log/dnf.log", true), ("var/log/*.log", "var/log/a/dnf.log", false),
            ("var/log/*.log", "var/log/dnf.log.1", false), ("run/**", "run/a/b", true), ("run/**", "run", true),
            ("run/**", "running", false), ("**/aux-cache", "var/cache/ldconfig/aux-cache", true),
            ("etc/passwd*", "etc/passwd-", true), ("a?c", "abc", true), ("run/**", "run", true), ("**", "any/thing", true),
            ("etc/[ab]c", "etc/bc", true), ("etc/[ab]c", "etc/cc", false), ("a/**/z", "a/z", true), ("a/**/z", "a/b/c/z", true),
            ("etc/pass", "etc/passwd", false),
        ])
    func patterns(_ pattern: String, _ path: String, _ matches: Bool) {
        #expect(PathPattern(pattern).matches(TreePath(path)) == matches)
    }

    @Test("the rules that are shipped are read, and each says why")
    func shipped() throws {
        let file = FilePath(#filePath).removingLastComponent().pushing("../../config/delta.toml").lexicallyNormalized()
        let rules = try DeltaRules(contentsOf: file)
        #expect(rules.removed.contains { $0.pattern.matches(TreePath("var/cache/ldconfig/aux-cache")) })
        #expect(rules.rewritten.contains { $0.pattern.matches(TreePath("etc/ld.so.cache")) })
        #expect((rules.removed + rules.rewritten).allSatisfy { !$0.why.isEmpty })
        #expect(!rules.removed.contains { $0.pattern.matches(TreePath("var/lib/rpm/rpmdb.sqlite")) })
    }

    @Test("of a file with several paths, some of which are left out, the rest is one file and counted once")
    func linksLeftOut() throws {
        let fixture = try Fixture()
        let rules = DeltaRules(removed: [.init("etc/**", why: "test"), .init("usr/bin/b", why: "test")])
        let layer = try fixture.layer("base", rules: rules) { tree in
            try fixture.fill(tree)
            for name in ["etc/a", "usr/bin/b", "usr/bin/c", "usr/bin/d"] {
                if name == "etc/a" {
                    try fixture.write("linked", tree, name)
                } else {
                    #expect(link(tree.appending("etc/a").string, tree.appending(name).string) == 0)
                }
            }
        }
        #expect(!Files.exists(layer.tree.appending("usr/bin/b")) && Files.exists(layer.tree.appending("usr/bin/d")))
        let measure = try TreeDigest.measure(layer.tree)
        #expect(layer.digest == measure.digest)
        #expect(layer.manifest.size == measure.size)
        #expect(layer.manifest.fileCount == measure.fileCount)
    }

    @Test(
        "a wrong rule is refused with what was meant",
        arguments: [
            ("[[remvoe]]\npath = \"a\"\nwhy = \"b\"\n", "unknown key \"remvoe\"", "did you mean \"remove\"?"),
            ("[[remove]]\npaht = \"a\"\nwhy = \"b\"\n", "unknown key \"paht\"", "did you mean \"path\"?"),
            ("[[rewritten]]\npath = \"a\"\nwhy = \"b\"\nempty = true\n", "unknown key \"empty\"", "known keys: path, why"),
            ("[[remove]]\npath = \"a\"\n", "an entry of \"remove\" lacks its path or its why", nil),
            (
                "[[remove]]\npath = \"/a\"\nwhy = \"b\"\n", "\"/a\" is not a path below the root",
                "write it without the leading slash and without .."
            ),
            ("[[remove]]\npath = \"a\"\nwhy = \"b\"\nempty = 1\n", "\"empty\" of \"a\" is neither true nor false", nil),
            ("remove = 1\n", "\"remove\" is not a list of tables", "write [[remove]]"),
        ] as [(String, String, String?)])
    func strict(_ text: String, _ message: String, _ hint: String?) {
        let error = failure { _ = try DeltaRules(parsing: text, file: "delta.toml") }
        #expect(error?.code == .configuration)
        #expect(error?.message == "delta.toml: " + message)
        #expect(error?.hint == hint)
    }

    @Test("a syntax error names its line")
    func syntax() {
        let error = failure { _ = try DeltaRules(parsing: "[[remove]]\npath = \n", file: "delta.toml") }
        #expect(error?.message.hasPrefix("delta.toml:2: ") == true)
    }

    @Test("a commit leaves out what the rules name, keeps directories and a log with something in it")
    func applied() throws {
        let fixture = try Fixture()
        let rules = DeltaRules(removed: [
            .init("run/**", why: "running"), .init("db-wal", why: "closed", onlyEmpty: true),
            .init("db2-wal", why: "closed", onlyEmpty: true),
        ])
        let layer = try fixture.layer("base", rules: rules) { tree in
            try Files.makeDirectory(tree.appending("run/lock"))
            try fixture.write("1", tree, "run/pid")
            try fixture.write("", tree, "run/lock/a")
            try fixture.write("transaction", tree, "db-wal")
            try fixture.write("", tree, "db2-wal")
        }
        #expect(try TreeScanner.scan(layer.tree).entries.map(\.path.description) == ["/", "/db-wal", "/run", "/run/lock"])
        #expect(try TreeDigest.measure(layer.tree).digest == layer.digest)
    }

    @Test("times keep whole seconds, and sockets go")
    func normalised() throws {
        let fixture = try Fixture()
        let layer = try fixture.layer("base") { tree in
            try fixture.fill(tree)
            mknod(tree.appending("etc/socket").string, S_IFSOCK | 0o644, 0)
            let times = [timespec(tv_sec: 5, tv_nsec: 9), timespec(tv_sec: 77, tv_nsec: 123_456_789)]
            utimensat(AT_FDCWD, tree.appending("etc").string, times, 0)
        }
        let entries = try TreeScanner.scan(layer.tree).entries
        #expect(!entries.contains { $0.kind == .socket })
        #expect(entries.allSatisfy { $0.modifiedNanoseconds == 0 })
        #expect(entries.first { $0.path == TreePath("etc") }?.modified == 77)
    }
}
