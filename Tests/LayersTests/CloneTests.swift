import Diagnostics
import Glibc
import Layers
import Model
import System
import SystemPackage
import Testing

struct CloneTests {
    @Test("a clone has the content, metadata and digest of the layer, and shares its files")
    func clone() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { tree in
            try fixture.fill(tree)
            chmod(tree.appending("etc").string, 0o1711)
            try tree.appending("etc").withPlatformString {
                try ExtendedAttributes.set(.init(name: "user.test", value: [1, 0, 2]), at: $0)
            }
            let times = [timespec(tv_sec: 5, tv_nsec: 0), timespec(tv_sec: 77, tv_nsec: 0)]
            utimensat(AT_FDCWD, tree.appending("etc").string, times, 0)
        }
        let clone = try fixture.store.clone(base, as: "copy", command: "provision base copy")
        #expect(clone.manifest.name == "copy")
        #expect(try fixture.store.layer(named: "copy").digest == base.digest)
        #expect(try TreeDigest.measure(clone.tree).digest == base.digest)
        #expect(status(clone.tree.appending("etc")).st_mtim.tv_sec == 77)
        #expect(status(clone.tree.appending("usr/bin/two")).st_ino == status(base.tree.appending("usr/bin/two")).st_ino)
        #expect(status(clone.tree.appending("etc")).st_ino != status(base.tree.appending("etc")).st_ino)
    }

    @Test("a clone stays whole when the layer that it was made of goes")
    func independent() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { try fixture.fill($0) }
        let clone = try fixture.store.clone(base, as: "copy", command: "provision base copy")
        try fixture.store.remove("base")
        #expect(try TreeDigest.measure(clone.tree).digest == clone.digest)
    }

    @Test("a clone under a name that is taken fails and leaves no staging")
    func taken() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { try fixture.fill($0) }
        #expect(failure { _ = try fixture.store.clone(base, as: "base", command: "test") }?.code == .conflict)
        #expect(try Files.names(in: fixture.store.state.appending("staging")).isEmpty)
    }

    private func status(_ path: FilePath) -> stat {
        var status = stat()
        lstat(path.string, &status)
        return status
    }
}
