import System
import SystemPackage
import Testing

@testable import Layers

struct StagingTests {
    @Test("a sweep takes the staging of dead runs, tells what they made, and leaves living ones alone")
    func sweep() throws {
        let fixture = try Fixture()
        let living = try fixture.store.stage("provision base living")
        try fixture.write("x", living.tree, "file")
        let dead = fixture.store.state.appending("staging").appending("0123456789abcdef")
        try Files.makeDirectory(dead.appending("layer").appending("tree"))
        try Files.write("provision base dead (process 1)", to: dead.appending("lock"))
        try Files.makeDirectory(fixture.store.state.appending("staging").appending("just-made"))
        let report = try fixture.store.sweep()
        #expect(report.removed.sorted() == ["just-made", "provision base dead (process 1)"])
        #expect(!Files.exists(dead))
        #expect(Files.exists(living.tree.appending("file")))
        #expect(try fixture.store.sweep().isEmpty)
    }

    @Test("a sweep of a state that is not there finds nothing and makes nothing")
    func nothing() throws {
        let fixture = try Fixture()
        #expect(try fixture.store.sweep().isEmpty)
        #expect(!Files.exists(fixture.store.state))
    }

    @Test("a staging that nobody commits goes with its last reference")
    func forgotten() throws {
        let fixture = try Fixture()
        do {
            let staging = try fixture.store.stage("test")
            try fixture.fill(staging.tree)
        }
        #expect(try Files.names(in: fixture.store.state.appending("staging")).isEmpty)
    }

    @Test("two runs of one name: the second is told who the first is")
    func nameLock() throws {
        let fixture = try Fixture()
        let first = try fixture.store.lock("web", words: "provision app web")
        let held = try FileLock.isHeld(fixture.store.state.appending("locks/web.lock"))
        #expect(held)
        let words = try Files.readText(fixture.store.state.appending("locks/web.lock"))
        #expect(words.hasPrefix("provision app web (process "))
        _ = consume first
        _ = try fixture.store.lock("web", words: "provision app web again")
    }

    @Test("mount points with blanks and backslashes are read as the kernel writes them")
    func escapes() {
        #expect(MountTable.unescaped(#"/mnt/a\040b\134c\011"#) == "/mnt/a b\\c\t")
        #expect(MountTable.unescaped(#"/mnt/\9"#) == #"/mnt/\9"#)
    }
}
