import Diagnostics
import Glibc
import Images
import Layers
import Model
import System
import SystemPackage
import Testing

/// Files that an application's layer keeps as differences from the layers below.
@Suite struct DifferenceTests {
    private static let rules = DeltaRules(differences: [.init("var/lib/db", why: "a database")])
    private let packer = ImagePacker(progress: SilentProgress())

    /// A base with a database of a megabyte that nothing compresses, and what `change` makes of it as a layer on it.
    private func layers(
        _ fixture: borrowing LayerFixture,
        change: String = "printf more >> var/lib/db; printf x | dd of=var/lib/db seek=70000 bs=1 conv=notrunc status=none"
    ) throws -> (base: Layer, app: Layer, whole: String) {
        let staging = try fixture.store.stage("provision base")
        try fixture.shell(
            """
            cd \(staging.tree); mkdir -p var/lib etc; head -c 1000000 /dev/urandom > var/lib/db; echo hosts > etc/hosts
            chmod 0640 var/lib/db; chown 12:34 var/lib/db; setfattr -n user.note -v kept var/lib/db
            """)
        let base = try fixture.store.commit(staging, rules: Self.rules) { fixture.manifest("base", $0) }
        #expect(base.differences.isEmpty)
        let (app, whole) = try layer("web", on: base, fixture, change: change)
        return (base, app, whole)
    }

    /// A layer, and what its database was when it was made.
    private func layer(
        _ name: String, on base: Layer, _ fixture: borrowing LayerFixture, change: String
    ) throws -> (layer: Layer, whole: String) {
        let staging = try fixture.store.stage("provision app \(name)")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: base))
        try fixture.shell("cd \(merged); \(change); echo \(name) > etc/\(name); touch -d '2021-01-01' var/lib/db")
        let whole = try self.whole(merged)
        return (try fixture.store.commit(staging, rules: Self.rules) { fixture.manifest(name, on: base, $0) }, whole)
    }

    /// Everything of the database in a tree.
    private func whole(_ root: FilePath) throws -> String {
        try runChecked([
            "sh", "-ec",
            "cd \(root); test -f var/lib/db || exit 0; sha256sum var/lib/db; stat -c '%s %a %u %g %Y' var/lib/db; getfattr -d var/lib/db",
        ]).text
    }

    private func merged(_ store: LayerStore, _ name: String, _ fixture: borrowing LayerFixture) throws -> String {
        let chain = try store.chain(named: name)
        let place = fixture.path.appending("view")
        try Files.makeDirectory(place)
        try MountTable(state: store.state).mount(
            trees: chain.trees, target: name, layers: chain.names, at: place, writable: false, now: 1)
        defer { umount2(place.string, Int32(MNT_DETACH)) }
        return try whole(place)
    }

    @Test("a large file that changed a little costs little, and shows whole, with mode, owner, time and attributes")
    func small() throws {
        let fixture = try LayerFixture()
        let (base, app, whole) = try layers(fixture)
        #expect(app.differences.map(\.path) == ["var/lib/db"])
        #expect(app.manifest.size < 1000 && app.differences[0].size == 1_000_004)
        #expect(try runChecked(["stat", "-c", "%s %a %u %g %Y", "\(app.tree)/var/lib/db"]).text.hasPrefix("0 640 12 34 1609"))
        #expect(try merged(fixture.store, "web", fixture) == whole)
        // The digest is that of the whole tree, however it is kept.
        #expect(try TreeDigest.measure(fixture.store.completeTree(of: app)).digest == app.digest)
        let condition = try fixture.store.condition(of: app)
        #expect(condition.digest == app.digest && condition.problems.isEmpty)
        #expect(try fixture.store.condition(of: base).digest == base.digest)
        #expect(try fixture.store.completeTree(of: base) == base.tree)
    }

    @Test("the whole files are made anew where they were deleted, and go with the last layer of their content")
    func derived() throws {
        let fixture = try LayerFixture()
        let (_, app, whole) = try layers(fixture)
        let derived = fixture.store.state.appending("derived")
        #expect(try Files.names(in: derived) == [app.digest.hex])
        try Files.remove(derived)
        #expect(try merged(fixture.store, "web", fixture) == whole)
        #expect(try Files.names(in: derived) == [app.digest.hex])
        let clone = try fixture.store.clone(app, as: "copy", command: "provision app copy")
        try fixture.store.remove("web")
        #expect(try Files.names(in: derived) == [app.digest.hex])
        try Files.remove(derived)
        #expect(try merged(fixture.store, "copy", fixture) == whole)
        #expect(try fixture.store.condition(of: clone).problems.isEmpty)
        try Files.makeDirectory(derived.appending(String(repeating: "0", count: 64)))
        #expect(try fixture.store.sweepDerived().count == 1)
        #expect(try Files.names(in: derived) == [app.digest.hex])
        try fixture.store.remove("copy")
        #expect(try Files.names(in: derived).isEmpty)
    }

    @Test("a difference from a difference shows whole")
    func twice() throws {
        let fixture = try LayerFixture()
        let (_, app, _) = try layers(fixture)
        let (shop, whole) = try layer("shop", on: app, fixture, change: "printf again >> var/lib/db")
        #expect(shop.differences.count == 1 && shop.manifest.size < 1000)
        try Files.remove(fixture.store.state.appending("derived"))
        #expect(try merged(fixture.store, "shop", fixture) == whole)
    }

    @Test(
        "what isn't cheaper as a difference stays whole",
        arguments: [
            "head -c 1000000 /dev/urandom > var/lib/db", "ln var/lib/db var/lib/link; printf x >> var/lib/db",
            "rm var/lib/db; mkdir var/lib/db", "rm var/lib/db; ln -s ../../etc/hosts var/lib/db",
        ])
    func stays(_ change: String) throws {
        let fixture = try LayerFixture()
        let (_, app, _) = try layers(fixture, change: change + "; touch var/lib/db")
        #expect(app.differences.isEmpty && app.completeTree == app.tree)
        #expect(!Files.exists(app.directory.appending("deltas")))
    }

    @Test(
        "an image carries the difference, and another store shows the whole file", arguments: [ImageFormat.Archive.cpio, .tar])
    func travels(_ archive: ImageFormat.Archive) throws {
        let fixture = try LayerFixture()
        let (base, app, whole) = try layers(fixture)
        let other = LayerStore(state: fixture.path.appending("other"))
        let format = ImageFormat(archive, .none)
        for layer in [base, app] {
            let image = fixture.path.appending("\(layer.name).image")
            let packed = try packer.pack(tree: layer.tree, manifest: layer.manifest, format: format, to: image)
            if layer == app { #expect(try #require(packed.imageSize) < 40_000) }
            let unpacked = try ImageUnpacker(store: other, progress: SilentProgress()).unpack(
                image, format: format, UnpackRequest(command: "provision unpack", now: 1, arch: "x86_64"))
            #expect(unpacked.layer.manifest == layer.manifest)
        }
        #expect(try Files.names(in: other.state.appending("derived")) == [app.digest.hex])
        #expect(try merged(other, "web", fixture) == whole)
        let again = try other.layer(named: "web")
        _ = try packer.pack(
            tree: again.tree, manifest: again.manifest, format: format, to: fixture.path.appending("again.image"))
        #expect(
            try digest(ofFileAt: fixture.path.appending("again.image")).digest
                == digest(ofFileAt: fixture.path.appending("web.image")).digest)
    }

    @Test("a tree that comes whole is kept as a difference where the rules say so, and is the same layer")
    func arrivesWhole() throws {
        let fixture = try LayerFixture()
        let (_, app, whole) = try layers(fixture)
        let staging = try fixture.store.stage("provision unpack")
        try fixture.shell("cp -a \(try fixture.store.completeTree(of: app))/. \(staging.tree)")
        var manifest = app.manifest.whole
        manifest.name = "arrived"
        #expect(manifest.size > 1_000_000 && manifest.differences == nil)
        let arrived = try fixture.store.commitUnpacked(staging, manifest: manifest, rules: Self.rules) {
            #expect($0.digest == app.digest && $0.size == manifest.size)
        }
        #expect(arrived.manifest.differences == app.manifest.differences && arrived.manifest.size == app.manifest.size)
        #expect(try merged(fixture.store, "arrived", fixture) == whole)
    }

    @Test("a change of a difference, of the file below it or of the whole copy is found out")
    func damage() throws {
        let fixture = try LayerFixture()
        let (base, app, _) = try layers(fixture)
        let copy = app.completeTree.appending("var/lib/db")
        try fixture.shell("printf x | dd of=\(copy) bs=1 conv=notrunc status=none")
        let condition = try fixture.store.condition(of: app)
        #expect(condition.digest == app.digest && condition.problems.count == 1)
        #expect(condition.problems[0].contains("copy with whole files was changed"))
        try Files.remove(fixture.store.state.appending("derived"))

        try fixture.shell("printf x | dd of=\(base.tree)/var/lib/db bs=1 conv=notrunc status=none")
        let below = refusal { _ = try fixture.store.chain(of: app) }
        #expect(below?.code == .verification && below?.message.contains("/var/lib/db") == true)
        #expect(try Files.names(in: fixture.store.state.appending("staging")).isEmpty)

        try fixture.shell("printf x >> \(app.directory)/deltas/0.zst")
        #expect(try fixture.store.condition(of: app).problems.count == 1)
        let packed = refusal {
            _ = try packer.pack(
                tree: app.tree, manifest: app.manifest, format: ImageFormat(.tar, .none), to: fixture.path.appending("x.tar"))
        }
        #expect(packed?.code == .verification && !Files.exists(fixture.path.appending("x.tar")))
    }

    @Test(
        "an image whose differences aren't what its manifest says is refused, and nothing is kept",
        arguments: [
            "rm .provision/deltas/0.zst", "printf x >> .provision/deltas/0.zst",
            "rm -r .provision/deltas; ln -s /etc .provision/deltas", "printf x > var/lib/db",
            "rm var/lib/db; ln -s /etc/passwd var/lib/db",
            "sed -i 's|\"path\" : \"var/lib/db\"|\"path\" : \"../var/lib/db\"|' .provision/layer.json",
            "sed -i 's|\"path\" : \"var/lib/db\"|\"path\" : \"etc/web\"|' .provision/layer.json",
            "sed -i 's|\"size\" : 1000004|\"size\" : 1000003|' .provision/layer.json",
            "sed -i 's|\"size\" : 1000004|\"size\" : 18446744073709551615|' .provision/layer.json",
        ])
    func hostile(_ change: String) throws {
        let fixture = try LayerFixture()
        let (base, app, _) = try layers(fixture)
        let other = LayerStore(state: fixture.path.appending("other"))
        let format = ImageFormat(.tar, .none)
        for layer in [base, app] {
            _ = try packer.pack(
                tree: layer.tree, manifest: layer.manifest, format: format, to: fixture.path.appending("\(layer.name).tar"))
        }
        let request = UnpackRequest(command: "provision unpack", now: 1, arch: "x86_64")
        let unpacker = ImageUnpacker(store: other, progress: SilentProgress())
        _ = try unpacker.unpack(fixture.path.appending("base.tar"), format: format, request)
        let image = fixture.path.appending("hostile.tar")
        // The manifest stays the first file.
        try fixture.shell(
            """
            mkdir \(fixture.path)/open; cd \(fixture.path)/open; bsdtar -xpf ../web.tar; \(change)
            bsdtar -cf \(image) --format pax .provision/layer.json .provision etc var
            """)
        let error = refusal { _ = try unpacker.unpack(image, format: format, request) }
        #expect(error != nil, "\(change)")
        #expect(try other.layers().map(\.name) == ["base"])
        #expect(try Files.names(in: other.state.appending("staging")).isEmpty)
        #expect(try Files.names(in: other.state.appending("derived")).isEmpty)
    }
}
