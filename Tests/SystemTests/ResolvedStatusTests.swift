import System
import SystemPackage
import Testing

@Suite("what a path in a root leads to")
struct ResolvedStatusTests {
    @Test("links are followed inside the root; dangling and circular ones lead to nothing")
    func links() throws {
        let directory = try TemporaryDirectory()
        let root = try RootedDirectory(directory.path)
        try root.write("/etc/file", Array("x".utf8), mode: 0o600)
        try root.makeLink("/etc/absolute", to: "/etc/file")
        try root.makeLink("/etc/climbing", to: "../../../../../../../etc/file")
        try root.makeLink("/etc/dangling", to: "/usr/bin/env")
        try root.makeLink("/etc/circle", to: "circle")
        #expect(try root.resolvedStatus("/etc/absolute")?.kind == .file)
        #expect(try root.resolvedStatus("/etc/climbing")?.mode == 0o600)
        #expect(try root.resolvedStatus("/etc/dangling") == nil)
        #expect(try root.resolvedStatus("/etc/circle") == nil)
        #expect(try root.resolvedStatus("/etc/file/below") == nil)
        #expect(try root.status("/etc/dangling")?.kind == .link)
        #expect(try root.resolvedStatus("/")?.kind == .directory)
    }
}
