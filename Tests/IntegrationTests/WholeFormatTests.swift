import Diagnostics
import Glibc
import Images
import Layers
import Model
import System
import SystemPackage
import Testing

/// Chains as one base in every format, layers without their base, and what formats can't carry: by the program, as people use it.
@Suite struct WholeFormatTests {
    private struct Unpacked: Decodable { var digest: String }

    @Test(
        "a chain packed whole arrives in another state as its merged view, path by path",
        arguments: ["tar.zst", "cpio.bz2", "squashfs", "erofs", "oci.tar", "oci"])
    func whole(format: String) throws {
        let fixture = try LayerFixture()
        let app = try fixture.app(on: try fixture.base())
        let program = Program(in: fixture.path)
        let file = fixture.path.appending("web.\(format)").string
        _ = try program.succeed(["pack", "web", "--whole", "-o", file])
        let there = Program(in: fixture.path.appending("there"))
        _ = try there.json(Unpacked.self, ["unpack", file])
        let layers = try there.layers()
        #expect(layers.map(\.name) == ["web"] && layers[0].parent == nil)
        let view = try program.withMounted("web") { try listing($0) }
        #expect(try listing(there.state.appending("layers/web/tree")) == view)
        #expect(try program.stagings == [] && fixture.store.condition(of: app).digest == app.digest)
    }

    @Test("an app is packed where its base is missing, as long as its own files are enough; else the base is named")
    func alone() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        _ = try fixture.app(on: base)
        let program = Program(in: fixture.path)
        let there = Program(in: fixture.path.appending("there"))
        let baseFile = fixture.path.appending("base.tar").string
        _ = try program.succeed(["pack", "base", "-o", baseFile])
        _ = try there.succeed(["unpack", baseFile])
        try Files.remove(base.directory)
        for format in ["tar.zst", "cpio.gz", "squashfs", "erofs"] {
            let file = fixture.path.appending("web.\(format)").string
            _ = try program.succeed(["pack", "web", "-o", file])
            _ = try there.succeed(["unpack", file])
            _ = try there.succeed(["rm", "web"])
        }
        for words in [["-o", "web.oci.tar"], ["--whole", "-o", "web.tar"]] {
            let file = fixture.path.appending(words.last ?? "").string
            let refused = try program.failure(["pack", "web"] + words.dropLast() + [file])
            #expect(refused.status == 1 && refused.error.message.contains("stands on \"base\", which is not there"))
            #expect(refused.error.hint?.contains(base.digest.description) == true && !Files.exists(FilePath(file)))
        }
    }

    @Test("an OCI image under --strict refuses holes, which other programs would fill, and takes the rest")
    func strictOCI() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let staging = try fixture.store.stage("provision app sparse")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: base))
        try fixture.shell("cd \(merged); truncate -s 9M etc/hole; echo end >> etc/hole")
        _ = try fixture.store.commit(staging, rules: .none) { fixture.manifest("sparse", on: base, $0) }
        let program = Program(in: fixture.path)
        for format in ["oci", "oci.tar"] {
            let file = fixture.path.appending("sparse.\(format)")
            let refused = try program.failure(["pack", "sparse", "--strict", "-o", file.string])
            #expect(refused.status == 1 && refused.error.causes == ["/etc/hole: holes"], "\(refused.error)")
            #expect(!Files.exists(file))
            _ = try program.succeed(["pack", "base", "--strict", "-o", fixture.path.appending("base.\(format)").string])
            _ = try program.succeed(["pack", "sparse", "-o", file.string])
        }
    }
}

/// A layer that somebody wrote into is told of when it is used.
@Suite struct ChangedLayerTests {
    @Test(
        "a file that came, went, or was edited in a place that people edit is told at the next use, with its layer",
        arguments: [
            ("echo x > usr/bin/new", "/usr/bin"), ("rm usr/bin/ping", "/usr/bin"), ("echo more >> etc/hosts", "/etc/hosts"),
            ("mkdir opt", "/"), ("sed -i s/kept/lost/ usr/share/doc/a/kept", nil),
        ])
    func told(_ deed: (String, String?)) throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        _ = try fixture.app(on: base)
        let program = Program(in: fixture.path)
        let place = fixture.path.appending("view")
        try Files.makeDirectory(place)
        func use() throws -> String {
            let said = try runProgram(program.arguments(["mount", "web", place.string]))
            #expect(said.status.succeeded)
            _ = try program.succeed(["umount", place.string])
            return said.standardError
        }
        #expect(try use() == "")
        try fixture.shell("cd \(base.tree); \(deed.0)")
        let said = try use()
        if let path = deed.1 {
            #expect(said.contains("the layer \"base\" was changed on disk after it was made: \"\(path)\""), "\(said)")
            #expect(said.contains("provision verify base"))
        } else {
            // Further down only a look at everything finds it.
            #expect(said == "")
        }
        #expect(try fixture.store.condition(of: base).digest != base.digest)
    }

    @Test("a state that was copied with its times, or restored from a backup, is no change")
    func copied() throws {
        let fixture = try LayerFixture()
        _ = try fixture.app(on: try fixture.base())
        let copy = fixture.path.appending("copy")
        try fixture.shell("mkdir \(copy); cp -a \(fixture.store.state) \(copy)/state")
        let there = Program(in: copy)
        let place = fixture.path.appending("view")
        try Files.makeDirectory(place)
        let said = try runProgram(there.arguments(["mount", "web", place.string]))
        #expect(said.status.succeeded && said.standardError == "", "\(said.standardError)")
        _ = try there.succeed(["umount", place.string])
    }
}
