import Diagnostics
import Images
import Layers
import System
import SystemPackage
import Testing

/// What a chain of layers holds, through an OCI image and back; and images of other makers.
struct OCIFidelityTests {
    private func request(_ name: String? = nil, arch: String = "x86_64") -> UnpackRequest {
        UnpackRequest(name: name, command: "provision unpack", now: 1, arch: arch)
    }

    @Test(
        "a chain arrives path by path, access lists, times and holes too; from there it is the same bytes again",
        arguments: [ImageFormat.Compression.gzip, .zstd, .none])
    func roundTrip(_ compression: ImageFormat.Compression) throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let app = try fixture.app(on: base)
        let staging = try fixture.store.stage("provision app sparse")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: app))
        try fixture.shell("cd \(merged); truncate -s 9M hole; echo end >> hole")
        let top = try fixture.store.commit(staging, rules: .none) { fixture.manifest("sparse", on: app, $0) }
        let image = fixture.path.appending("top.oci.tar")
        _ = try OCILayout(store: fixture.store, progress: SilentProgress()).pack(
            try fixture.store.chain(of: top), to: .archive(image), compression: compression)
        let other = LayerStore(state: fixture.path.appending("other"))
        let layout = OCILayout(store: other, progress: SilentProgress())
        let unpacked = try unpack(image, layout, request())
        #expect(unpacked.layer.manifest == top.manifest && unpacked.brought == ["base", "web"])
        for layer in [base, app, top] {
            #expect(try listing(other.layer(named: layer.name).tree) == listing(layer.tree))
        }
        let blocks = try runChecked(["du", "-B1", unpacked.layer.tree.appending("hole").string]).text.split(separator: "\t")[0]
        #expect(Int(blocks).map { $0 < 1_000_000 } == true, "the file has no holes: \(blocks)")
        let again = fixture.path.appending("again.oci.tar")
        _ = try layout.pack(try other.chain(of: unpacked.layer), to: .archive(again), compression: compression)
        #expect(try digest(ofFileAt: again).digest == digest(ofFileAt: image).digest)
        #expect(try unpack(image, layout, request()).wasThere)
    }

    @Test("an image of another maker becomes a layer for each of its own, whiteouts and opaque directories kept")
    func foreign() throws {
        let fixture = try LayerFixture()
        let folder = fixture.path.appending("theirs")
        try fixture.shell(
            """
            cd \(fixture.path); umoci init --layout theirs; umoci new --image theirs:one
            mkdir -p a/etc/d a/bin; echo 1 > a/etc/keep; echo 2 > a/etc/gone; echo 3 > a/etc/d/old; ln a/etc/keep a/bin/keep
            tar -C a -cf a.tar .; umoci raw add-layer --image theirs:one a.tar
            mkdir -p b/etc/d; : > b/etc/.wh.gone; : > b/etc/d/.wh..wh..opq; echo 4 > b/etc/d/new
            tar -C b -cf b.tar etc; umoci raw add-layer --image theirs:one b.tar
            """)
        let store = LayerStore(state: fixture.path.appending("other"))
        let layout = OCILayout(store: store, progress: SilentProgress())
        let unpacked = try layout.unpack(folder: folder, rules: .none, request("theirs"))
        let chain = try store.chain(of: unpacked.layer)
        #expect(chain.names == ["theirs", "theirs-1"])
        let shown = try MergedTree(chain.trees).items.map(\.entry.path.description)
        #expect(shown == ["/", "/bin", "/bin/keep", "/etc", "/etc/d", "/etc/d/new", "/etc/keep"])
        #expect(try layout.unpack(folder: folder, rules: .none, request("theirs")).layer == unpacked.layer)
    }

    private func unpack(_ image: FilePath, _ layout: OCILayout, _ request: UnpackRequest) throws -> UnpackedLayer {
        let file = try FileDescriptor.open(image, .readOnly)
        return try file.closeAfter {
            try layout.unpack(archive: file, named: "top.oci.tar", rules: .none, request)
        }
    }
}
