import Diagnostics
import Glibc
import Images
import Layers
import Model
import System
import SystemPackage
import Testing

/// A chain made one tree: `pack --whole`.
@Suite struct WholeLayerTests {
    @Test("the tree is the merged view path by path, without whiteouts and marks, and its manifest a base's")
    func flat() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let app = try fixture.app(on: base)
        let chain = try fixture.store.chain(of: app)
        let place = fixture.path.appending("view")
        try Files.makeDirectory(place)
        try MountTable(state: fixture.store.state).mount(
            trees: chain.trees, target: "web", layers: chain.names, at: place, writable: false, now: 1)
        let view = try listing(place)
        umount2(place.string, Int32(MNT_DETACH))
        let flat = try fixture.store.flatten(chain, words: "provision pack --whole web")
        #expect(try listing(flat.staging.tree) == view)
        #expect(flat.manifest.kind == .base && flat.manifest.parent == nil && flat.manifest.name == "web")
        #expect(flat.manifest.digest == (try TreeDigest.measure(flat.staging.tree).digest))
        #expect(flat.manifest.command == "provision base base && provision base web")
        try flat.staging.discard()
        #expect(try fixture.store.condition(of: base).digest == base.digest)
        #expect(try fixture.store.condition(of: app).digest == app.digest)
    }
}

extension EndToEnd {
    @Suite struct WholeImageTests {
        @Test("a whole image is a base on a host that has none, with a complete rpm database; a changed layer is refused")
        func travels() throws {
            let program = try World.program("whole")
            let base = try program.json(BuildDocument.self, ["base", "base", "bash", "coreutils"])
            let app = try program.json(BuildDocument.self, ["app", "vsftpd", "--on", "base"])
            let file = program.state.removingLastComponent().appending("ftpserver.tar.zst")
            try program.succeed([
                "pack", String(try #require(app.digest).dropFirst(7).prefix(12)), "--whole", "-o", file.string,
            ])
            #expect(try program.stagings == [])
            let there = Program(in: program.state.removingLastComponent().appending("there"))
            try there.succeed(["unpack", file.string, "--name", "ftpserver"])
            let all = (base.packages + app.packages).map(\.label).sorted()
            #expect(try there.withMounted("ftpserver", installedPackages) == all)
            #expect(try there.succeed(["verify", "ftpserver"]).contains("all files are as they should be"))
            #expect(try there.succeed(["run", "ftpserver", "--", "sh", "-c", "vsftpd -v 0>&1"]).hasPrefix("vsftpd: version 3"))
            let layers = try there.layers()
            #expect(layers.count == 1 && layers[0].parent == nil)

            let shown = try program.succeed(["show", "vsftpd"])
            #expect(shown.contains(#/disk +\S+ MiB own, \S+ MiB derived\n/#))
            #expect(shown.contains(#/delta +\/var\/lib\/rpm\/rpmdb.sqlite: \S+ KiB for \S+ MiB\n/#))
            try program.succeed(["base", "again", "bash", "coreutils", "--no-patch", "resolv-conf"])
            // Directories are its own; where they take blocks, that is MiB.
            let listed = try program.succeed(["list", "--disk-use"])
            #expect(listed.contains(#/\nagain .* (\d+ KiB|\d\.\d MiB) +\d\d MiB +0 B\n/#), "\(listed)")
            let again = try program.succeed(["show", "again"])
            #expect(again.contains(#/disk +(\d+ KiB|\d\.\d MiB) own, \d\d MiB shared with other layers\n/#), "\(again)")
            #expect(try program.succeed(["tree", "--disk-use"]).contains(#/base .*shared with other layers\)\n/#))

            try Files.write("changed", to: program.state.appending("layers/base/tree/etc/os-release"))
            let refused = try program.failure(["pack", "vsftpd", "--whole", "-o", file.string])
            #expect(refused.status == 4 && refused.error.message.contains("\"base\" was changed on disk"))
        }
    }
}
