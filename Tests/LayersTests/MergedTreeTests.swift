import Diagnostics
import Glibc
import Layers
import System
import SystemPackage
import Testing

struct MergedTreeTests {
    private func paths(_ tree: MergedTree) -> [String] { tree.items.map(\.entry.path.description) }

    @Test("a whiteout hides what is below it, in whichever lower tree, and doesn't show itself")
    func whiteout() throws {
        let fixture = try Fixture()
        let (low, middle, top) = (fixture.path.appending("low"), fixture.path.appending("mid"), fixture.path.appending("top"))
        for tree in [low, middle, top] { try Files.makeDirectory(tree) }
        try fixture.fill(low)
        try #require(mknod(middle.appending("usr").string, S_IFCHR, 0) == 0)
        #expect(paths(try MergedTree([middle, low])) == ["/", "/etc", "/etc/hosts"])
        // A directory made again above the whiteout starts empty.
        try Files.makeDirectory(top.appending("usr"))
        #expect(paths(try MergedTree([top, middle, low])) == ["/", "/etc", "/etc/hosts", "/usr"])
    }

    @Test("a file above a directory hides all that was in it; a directory above a directory doesn't")
    func replaced() throws {
        let fixture = try Fixture()
        let (low, top) = (fixture.path.appending("low"), fixture.path.appending("top"))
        for tree in [low, top] { try Files.makeDirectory(tree) }
        try fixture.fill(low)
        try Files.makeDirectory(top.appending("usr"))
        try fixture.write("no directory", top, "usr/bin")
        let merged = try MergedTree([top, low])
        #expect(paths(merged) == ["/", "/etc", "/etc/hosts", "/usr", "/usr/bin"])
        #expect(merged.items.map(\.root) == [top, low, low, top, top])
    }

    @Test("differences name what came, what went and what of a path changed")
    func differences() throws {
        let fixture = try Fixture()
        let (old, new) = (fixture.path.appending("old"), fixture.path.appending("new"))
        for tree in [old, new] {
            try Files.makeDirectory(tree)
            try fixture.fill(tree)
        }
        let same = try TreeComparison.differences(from: MergedTree([old]), to: MergedTree([new]))
        #expect(same.isEmpty)
        unlink(new.appending("usr/bin/one").string)
        try fixture.write("127.0.0.2 localhost\n", new, "etc/hosts")
        chmod(new.appending("etc/hosts").string, 0o600)
        try fixture.write("", new, "etc/new")
        unlink(new.appending("usr/bin/link").string)
        symlink("two", new.appending("usr/bin/link").string)
        let found = try TreeComparison.differences(from: MergedTree([old]), to: MergedTree([new]))
        let lines = found.map { "\($0.path) \($0.change) \($0.aspects.map(\.rawValue).joined(separator: ","))" }
        #expect(
            lines == [
                "/etc/hosts changed content,mode", "/etc/new added ", "/usr/bin/link changed target", "/usr/bin/one removed ",
            ])
    }
}
