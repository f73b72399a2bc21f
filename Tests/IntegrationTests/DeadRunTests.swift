import Diagnostics
import Glibc
import Layers
import System
import SystemPackage
import Testing

struct DeadRunTests {
    @Test(
        "a run that is killed while its overlay is mounted leaves no layer and no mount, and the next sweep takes its staging")
    func killed() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let staging = fixture.store.state.appending("staging/00000000deadbeef")
        try fixture.shell("mkdir -p \(staging)/layer/tree \(staging)/work \(staging)/merged; echo base > \(staging)/on")
        try Files.write("provision app web (process 7)", to: staging.appending("lock"))
        // Another process as ours is while it installs: the lock held, the overlay mounted in a namespace of its own.
        let ready = try OwnedPipe()
        var options = ChildProcess.Options()
        options.namespaces = [.mount]
        options.descriptors = [1: ready.writing]
        options.newGroup = true
        var child = try ChildProcess(
            [
                "sh", "-ec",
                """
                exec 9<>\(staging)/lock; flock -x 9
                mount --make-rprivate /
                mount -t overlay overlay -o lowerdir=\(base.tree),upperdir=\(staging)/layer/tree,workdir=\(staging)/work \
                \(staging)/merged
                echo new > \(staging)/merged/etc/new; rm \(staging)/merged/etc/old
                echo ready; exec sleep 600
                """,
            ], options: options)
        ready.closeWriting()
        var byte: UInt8 = 0
        #expect(read(ready.reading.rawValue, &byte, 1) == 1)

        // While it lives: left alone, and its base can't be removed.
        #expect(try fixture.store.sweep().isEmpty)
        let needed = refusal { try fixture.store.remove("base") }
        #expect(needed?.causes == ["builds under way: provision app web (process 7)"])

        child.signal(SIGKILL)
        #expect(child.wait() == .signalled(SIGKILL))
        #expect(try fixture.store.layers().map(\.name) == ["base"])
        #expect(try fixture.store.sweep().removed == ["provision app web (process 7)"])
        #expect(try Files.names(in: fixture.store.state.appending("staging")).isEmpty)
        #expect(!(try Files.readText("/proc/self/mountinfo").contains("deadbeef")))
        #expect(try TreeDigest.measure(base.tree).digest == base.digest)
        try fixture.store.remove("base")
    }

    @Test("a run killed between exchanging an old layer for a new one and removing the old leaves the new one whole")
    func killedInExchange() throws {
        let fixture = try LayerFixture()
        let old = try fixture.base()
        // What is on disk then: the new layer in place, the old one in an unlocked staging.
        let staging = fixture.store.state.appending("staging/00000000deadbeef")
        try fixture.shell("mkdir -p \(staging); : > \(staging)/lock; cp -a \(old.directory) \(staging)/layer")
        #expect(try fixture.store.sweep().removed == ["00000000deadbeef"])
        #expect(try fixture.store.layers() == [old])
        #expect(try TreeDigest.measure(old.tree).digest == old.digest)
    }
}
