import Diagnostics
import Glibc
import System
import SystemPackage
import Testing

/// A root with something outside of it that must stay untouched.
private final class Fixture {
    let directory: TemporaryDirectory
    let root: FilePath
    let outside: FilePath

    init() throws {
        directory = try TemporaryDirectory()
        root = directory.path.appending("root")
        outside = directory.path.appending("outside")
        try Files.makeDirectory(root.appending("etc"))
        try Files.makeDirectory(outside)
        try Files.write("secret", to: outside.appending("file"))
    }
}

@Test("an absolute link in a root leads into the root, not to the host")
func absoluteLinkStaysInside() throws {
    let fixture = try Fixture()
    #expect(symlink(fixture.outside.string, fixture.root.appending("etc/conf").string) == 0)
    let root = try RootedDirectory(fixture.root)
    #expect(try root.read("/etc/conf/file") == nil)
    #expect(throws: ProvisionError.self) { try root.write("/etc/conf/new", Array("x".utf8)) }
    #expect(!Files.exists(fixture.outside.appending("new")))
    // With the directory that the link means in the root, the file lands there.
    try root.makeDirectory(fixture.outside.string)
    try root.write("/etc/conf/new", Array("x".utf8))
    #expect(!Files.exists(fixture.outside.appending("new")))
    #expect(try root.readText(fixture.outside.string + "/new") == "x")
}

@Test("dots lead no higher than the root")
func dotsStayInside() throws {
    let fixture = try Fixture()
    let root = try RootedDirectory(fixture.root)
    #expect(try root.read("/../outside/file") == nil)
    #expect(try root.read("../../outside/file") == nil)
    #expect(throws: ProvisionError.self) { try root.write("/etc/..", []) }
}

@Test("renames anywhere on the host disturb no link that leads upwards")
func renamesElsewhere() async throws {
    let fixture = try Fixture()
    try Files.write("found", to: fixture.root.appending("etc/file"))
    #expect(symlink("../etc/file", fixture.root.appending("etc/link").string) == 0)
    let (first, second) = (fixture.outside.appending("file"), fixture.outside.appending("other"))
    let renaming = Task.detached {
        while !Task.isCancelled {
            rename(first.string, second.string)
            rename(second.string, first.string)
        }
    }
    defer { renaming.cancel() }
    let root = try RootedDirectory(fixture.root)
    for _ in 0..<20_000 { #expect(try root.readText("/etc/link") == "found") }
}

@Test("writing through a link changes the file that it leads to and keeps mode")
func writeThroughLink() throws {
    let fixture = try Fixture()
    try Files.write("old", to: fixture.root.appending("etc/real"), mode: 0o640)
    #expect(symlink("real", fixture.root.appending("etc/name").string) == 0)
    let root = try RootedDirectory(fixture.root)
    try root.write("/etc/name", Array("new".utf8))
    #expect(try root.linkTarget("/etc/name") == "real")
    #expect(try root.readText("/etc/real") == "new")
    #expect(try root.status("/etc/real")?.mode == 0o640)
    #expect(try root.names(in: "/etc") == ["name", "real"])
}

@Test("a fifo planted in a root is refused instead of waited for")
func fifoIsRefused() throws {
    let fixture = try Fixture()
    #expect(mkfifo(fixture.root.appending("etc/fifo").string, 0o600) == 0)
    let root = try RootedDirectory(fixture.root)
    #expect(throws: ProvisionError.self) { try root.read("/etc/fifo") }
}

@Test("a loop of links ends with an error")
func linkLoop() throws {
    let fixture = try Fixture()
    #expect(symlink("b", fixture.root.appending("etc/a").string) == 0)
    #expect(symlink("a", fixture.root.appending("etc/b").string) == 0)
    let root = try RootedDirectory(fixture.root)
    #expect(throws: ProvisionError.self) { try root.write("/etc/a", []) }
}
