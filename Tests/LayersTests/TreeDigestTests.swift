import Glibc
import Layers
import Model
import System
import SystemPackage
import Testing

struct TreeDigestTests {
    private func digest(
        _ fixture: borrowing Fixture, _ name: String, reversed: Bool = false, _ change: (FilePath) throws -> Void = { _ in }
    )
        throws -> TreeMeasure
    {
        let tree = fixture.path.appending(name)
        try Files.makeDirectory(tree)
        try fixture.fill(tree, reversed: reversed)
        try change(tree)
        return try TreeDigest.measure(tree)
    }

    @Test("the same tree made in another order, at another time, has the same digest")
    func independent() throws {
        let fixture = try Fixture()
        let one = try digest(fixture, "one")
        let other = try digest(fixture, "other", reversed: true) { tree in
            let times = [timespec(tv_sec: 1, tv_nsec: 5), timespec(tv_sec: 99, tv_nsec: 7)]
            for name in ["etc", "usr/bin/one", "usr/bin/link"] {
                utimensat(AT_FDCWD, tree.appending(name).string, times, AT_SYMLINK_NOFOLLOW)
            }
        }
        #expect(one == other)
        #expect(one.fileCount == 8)
        // etc/hosts 20, one 10, two and zwei together 3.
        #expect(one.size == 33)
    }

    @Test(
        "a digest changes with everything that a layer keeps",
        arguments: [
            "content", "mode", "setuid", "link target", "type", "name", "removed", "added directory", "hard link broken",
            "hard link made", "attribute", "attribute value", "directory mode", "root mode", "empty file",
        ])
    func sensitive(_ what: String) throws {
        let fixture = try Fixture()
        let before = try digest(fixture, "before") { tree in try setAttribute("user.test", "a", tree.appending("etc/hosts")) }
        let after = try digest(fixture, "after") { tree in
            try setAttribute("user.test", "a", tree.appending("etc/hosts"))
            func path(_ name: String) -> String { tree.appending(name).string }
            switch what {
            case "content": try fixture.write("tvo", tree, "usr/bin/one")
            case "mode": chmod(path("usr/bin/one"), 0o755)
            case "setuid": chmod(path("usr/bin/one"), 0o4644)
            case "link target":
                unlink(path("usr/bin/link"))
                symlink("two", path("usr/bin/link"))
            case "type":
                unlink(path("usr/bin/one"))
                mkfifo(path("usr/bin/one"), 0o644)
            case "name": rename(path("usr/bin/one"), path("usr/bin/eins"))
            case "removed": unlink(path("usr/bin/one"))
            case "added directory": mkdir(path("usr/lib"), 0o755)
            case "hard link broken":
                unlink(path("usr/bin/zwei"))
                try fixture.write("two", tree, "usr/bin/zwei")
            case "hard link made": link(path("usr/bin/one"), path("usr/bin/uno"))
            case "attribute": try setAttribute("user.more", "a", tree.appending("etc"))
            case "attribute value": try setAttribute("user.test", "b", tree.appending("etc/hosts"))
            case "directory mode": chmod(path("etc"), 0o700)
            case "root mode": chmod(tree.string, 0o555)
            default: try fixture.write("", tree, "etc/empty")
            }
        }
        #expect(before.digest != after.digest)
    }

    @Test("the digest is the documented one")
    func documented() throws {
        let fixture = try Fixture()
        let tree = fixture.path.appending("tree")
        mkdir(tree.string, 0o755)
        try fixture.write("hi", tree, "a")
        let user = getuid()
        let group = getgid()
        let text =
            "provision-tree-1\n" + "\0d\0755\0\(user)\0\(group)\0\00\0\n"
            + "a\0f\0644\0\(user)\0\(group)\02 \(sha256(of: "hi").hex)\00\0\n"
        #expect(try TreeDigest.measure(tree).digest == sha256(of: text))
    }

    @Test("names that are not UTF-8 are kept apart")
    func bytes() throws {
        let fixture = try Fixture()
        let tree = fixture.path.appending("tree")
        mkdir(tree.string, 0o755)
        for last: UInt8 in [0xfe, 0xff] {
            let name = (tree.string + "/x").utf8.map { CChar(bitPattern: $0) } + [CChar(bitPattern: last), 0]
            close(open(name, O_CREAT | O_WRONLY, 0o644))
        }
        let entries = try TreeScanner.scan(tree).entries
        #expect(entries.map(\.path.bytes) == [[], [0x78, 0xfe], [0x78, 0xff]])
    }

    @Test("paths sort by bytes, a directory before what it holds")
    func order() throws {
        #expect(
            ["a/b", "a", "a-b", "é", ""].map { TreePath($0) }.sorted().map(\.description) == ["/", "/a", "/a-b", "/a/b", "/é"])
    }

    private func setAttribute(_ name: String, _ value: String, _ path: FilePath) throws {
        try path.withPlatformString { try ExtendedAttributes.set(.init(name: name, value: Array(value.utf8)), at: $0) }
    }
}
