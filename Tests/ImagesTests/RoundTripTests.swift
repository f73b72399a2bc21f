import Diagnostics
import Glibc
import Images
import Layers
import Model
import System
import SystemPackage
import Testing

/// Needs no privilege: owners are whoever runs the test. Devices, capabilities and hostile archives are with the integration tests.
struct RoundTripTests {
    @Test("what is packed in one store is unpacked in another as it was", arguments: ImageFormat.singleLayer)
    func roundTrip(_ format: ImageFormat) throws {
        let directory = try TemporaryDirectory(prefix: "images-test")
        let layer = try Sample.layer("base", in: LayerStore(state: directory.path.appending("one")))
        let image = directory.path.appending("base.\(format)")
        let packed = try ImagePacker(progress: SilentProgress()).pack(
            tree: layer.tree, manifest: layer.manifest, format: format, to: image)
        #expect(packed.fileCount == layer.manifest.fileCount)
        let other = LayerStore(state: directory.path.appending("two"))
        let unpacked = try ImageUnpacker(store: other, progress: SilentProgress()).unpack(
            image, format: format, Sample.request())
        #expect(unpacked.layer.manifest == layer.manifest)
        #expect(try TreeDigest.measure(unpacked.layer.tree).digest == layer.digest)
        #expect(try times(unpacked.layer.tree) == times(layer.tree))
        // And the same bytes again from there.
        let again = directory.path.appending("again.\(format)")
        _ = try ImagePacker(progress: SilentProgress()).pack(
            tree: unpacked.layer.tree, manifest: unpacked.layer.manifest, format: format, to: again)
        #expect(try digest(ofFileAt: again).digest == digest(ofFileAt: image).digest)
    }

    @Test("unpacking what is here already writes nothing; another layer of that name is a conflict")
    func again() throws {
        let directory = try TemporaryDirectory(prefix: "images-test")
        let store = LayerStore(state: directory.path.appending("one"))
        let layer = try Sample.layer("base", in: store)
        let image = try pack(layer, directory.path.appending("base.tar"))
        let unpacker = ImageUnpacker(store: store, progress: SilentProgress())
        #expect(try unpacker.unpack(image, format: ImageFormat(.tar, .none), Sample.request()).wasThere)
        _ = try Sample.layer("web", in: store, more: true)
        let error = failure { _ = try unpacker.unpack(image, format: ImageFormat(.tar, .none), Sample.request(name: "web")) }
        #expect(error?.code == .conflict)
        #expect(error?.causes.contains("the image holds \(layer.digest)") == true)
    }

    @Test("a layer that was changed on disk is not packed, and no file appears")
    func changed() throws {
        let directory = try TemporaryDirectory(prefix: "images-test")
        let layer = try Sample.layer("base", in: LayerStore(state: directory.path.appending("one")))
        try Files.write("another", to: layer.tree.appending("etc/hosts"))
        let error = failure { _ = try pack(layer, directory.path.appending("base.tar")) }
        #expect(error?.code == .verification)
        #expect(error?.causes.first == "it was \(layer.digest)")
        #expect(try Files.names(in: directory.path) == ["one"])
    }

    @Test("an app finds its base by digest, whatever it is called; the wrong base is refused with both digests")
    func parents() throws {
        let directory = try TemporaryDirectory(prefix: "images-test")
        let one = LayerStore(state: directory.path.appending("one"))
        let base = try Sample.layer("base", in: one)
        let app = try Sample.layer("web", in: one, on: base, more: true)
        let image = try pack(app, directory.path.appending("web.tar"))
        let format = ImageFormat(.tar, .none)

        let other = LayerStore(state: directory.path.appending("two"))
        let unpacker = ImageUnpacker(store: other, progress: SilentProgress())
        let missing = failure { _ = try unpacker.unpack(image, format: format, Sample.request()) }
        #expect(missing?.code == .conflict)
        #expect(missing?.causes == ["its digest is \(base.digest)"])

        let wrong = try Sample.layer("base", in: other, more: true)
        for request in [Sample.request(), Sample.request(parent: "base")] {
            let error = failure { _ = try unpacker.unpack(image, format: format, request) }
            #expect(error?.code == .verification)
            #expect(error?.causes == ["made on \(base.digest)", "\"base\" is \(wrong.digest)"])
        }

        _ = try Sample.layer("renamed", in: other)
        let unpacked = try unpacker.unpack(image, format: format, Sample.request()).layer
        #expect(unpacked.manifest.parent == .init(name: "renamed", digest: base.digest))
        #expect(try other.chain(of: unpacked).names == ["web", "renamed"])
        let useless = failure {
            _ = try unpacker.unpack(
                try pack(base, directory.path.appending("b.tar")), format: format, Sample.request(name: "x", parent: "base"))
        }
        #expect(useless?.code == .usage)
    }

    @Test("an archive made by hand becomes a base under the name given, its only directory the root")
    func handmade() throws {
        let directory = try TemporaryDirectory(prefix: "images-test")
        try Sample.fill(directory.path.appending("work/minimal"))
        let image = directory.path.appending("minimal.cpio.bz2")
        try runChecked([
            "sh", "-c", "cd \(directory.path)/work && find minimal -print0 | cpio -0 -o 2>/dev/null | bzip2 > \(image)",
        ])
        let store = LayerStore(state: directory.path.appending("state"))
        let unpacker = ImageUnpacker(store: store, progress: SilentProgress())
        let format = try ImageFormat(ofFileNamed: image.lastComponent!.string)
        let nameless = failure { _ = try unpacker.unpack(image, format: format, Sample.request()) }
        #expect(nameless?.code == .usage)
        let unpacked = try unpacker.unpack(image, format: format, Sample.request(name: "minimal"))
        #expect(unpacked.layer.manifest.kind == .base)
        #expect(unpacked.notes.count == 2)
        // What cpio by itself doesn't carry.
        try directory.path.appending("work/minimal/etc/hosts").withPlatformString {
            try ExtendedAttributes.remove("user.note", at: $0)
        }
        let made = try TreeDigest.measure(directory.path.appending("work/minimal")).digest
        #expect(unpacked.layer.digest == made)
    }

    @Test(
        "a damaged image is refused, and leaves neither layer nor staging",
        arguments: ["cut", "flipped", "no archive", "empty"])
    func damaged(_ how: String) throws {
        let directory = try TemporaryDirectory(prefix: "images-test")
        let layer = try Sample.layer("base", in: LayerStore(state: directory.path.appending("one")))
        let image = directory.path.appending("base.tar.zst")
        let format = ImageFormat(.tar, .zstd)
        _ = try ImagePacker(progress: SilentProgress()).pack(
            tree: layer.tree, manifest: layer.manifest, format: format, to: image)
        var bytes = try Files.read(image)
        switch how {
        case "cut": bytes.removeLast(bytes.count / 2)
        case "flipped": bytes[bytes.count / 2] ^= 0xff
        case "no archive": bytes = Array("hello, world\n".utf8)
        default: bytes = []
        }
        try Files.write(bytes, to: image)
        let store = LayerStore(state: directory.path.appending("two"))
        let error = failure {
            _ = try ImageUnpacker(store: store, progress: SilentProgress()).unpack(
                image, format: format, Sample.request(name: how == "empty" || how == "no archive" ? "x" : nil))
        }
        // Where even the manifest can't be read the image is taken for one made by hand, which needs a name.
        #expect(error?.code == .verification || error?.code == .usage)
        #expect(try store.layers().isEmpty)
        #expect(try Files.names(in: store.state.appending("staging")).isEmpty)
    }

    @Test("content that is not what the manifest says is refused")
    func tampered() throws {
        let directory = try TemporaryDirectory(prefix: "images-test")
        let layer = try Sample.layer("base", in: LayerStore(state: directory.path.appending("one")))
        let image = try pack(layer, directory.path.appending("base.tar"))
        var bytes = try Files.read(image)
        let text = Array("127.0.0.1 localhost".utf8)
        let place = bytes.indices.first { bytes[$0...].starts(with: text) }!
        bytes[place] = UInt8(ascii: "9")
        try Files.write(bytes, to: image)
        let store = LayerStore(state: directory.path.appending("two"))
        let error = failure {
            _ = try ImageUnpacker(store: store, progress: SilentProgress()).unpack(
                image, format: ImageFormat(.tar, .none), Sample.request())
        }
        #expect(error?.code == .verification)
        #expect(error?.message == "the image \"base.tar\" doesn't hold what its manifest says")
        #expect(try store.layers().isEmpty)
    }

    private func pack(_ layer: Layer, _ image: FilePath) throws -> FilePath {
        _ = try ImagePacker(progress: SilentProgress()).pack(
            tree: layer.tree, manifest: layer.manifest, format: ImageFormat(ofFileNamed: image.lastComponent!.string), to: image
        )
        return image
    }

    private func times(_ tree: FilePath) throws -> [Int64] { try TreeScanner.scan(tree).entries.map(\.modified) }
}

private func failure(_ body: () throws -> Void) -> ProvisionError? {
    do {
        try body()
        return nil
    } catch {
        return error as? ProvisionError
    }
}

enum Sample {
    static func request(name: String? = nil, parent: String? = nil) -> UnpackRequest {
        UnpackRequest(name: name, parent: parent, command: "provision unpack", now: 1_795_000_000, arch: "x86_64")
    }

    static func layer(_ name: String, in store: LayerStore, on parent: Layer? = nil, more: Bool = false) throws -> Layer {
        let staging = try store.stage("provision base \(name)")
        try fill(staging.tree)
        if more { try Files.write("more\n", to: staging.tree.appending("more")) }
        return try store.commit(staging, rules: .none) { measure in
            LayerManifest(
                name: name, kind: parent == nil ? .base : .app, release: "demo", arch: "x86_64",
                parent: parent.map { .init(name: $0.name, digest: $0.digest) }, digest: measure.digest,
                request: sha256(of: name), command: "provision base \(name)", created: 1_795_000_000, database: nil,
                yumConfiguration: nil, packages: [], patches: [], warnings: [], size: measure.size, fileCount: measure.fileCount
            )
        }
    }

    /// Files small and large, links of both kinds, names long and strange, an attribute, a fifo.
    static func fill(_ tree: FilePath) throws {
        for name in ["etc", "usr/bin", "var/empty"] { try Files.makeDirectory(tree.appending(name)) }
        try Files.write("127.0.0.1 localhost\n", to: tree.appending("etc/hosts"))
        try Files.write("", to: tree.appending("etc/empty"))
        let large = [UInt8]((0..<700_001).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
        try Files.write(large, to: tree.appending("usr/bin/large"), mode: 0o755)
        link(tree.appending("usr/bin/large").string, tree.appending("etc/first").string)
        link(tree.appending("usr/bin/large").string, tree.appending("usr/bin/zlast").string)
        symlink("../usr/bin/large", tree.appending("etc/link").string)
        symlink(String(repeating: "l/", count: 80), tree.appending("etc/long-link").string)
        let long = String(repeating: "n", count: 120)
        try Files.makeDirectory(tree.appending("var/\(long)"))
        try Files.write(long, to: tree.appending("var/\(long)/\(long)"))
        try Files.write("ü", to: tree.appending("etc/Főtanúsítvány ü\n.pem"))
        mkfifo(tree.appending("etc/fifo").string, 0o600)
        chmod(tree.appending("var/empty").string, 0o1777)
        try tree.appending("etc/hosts").withPlatformString {
            try ExtendedAttributes.set(.init(name: "user.note", value: [0x68, 0x0a, 0]), at: $0)
        }
    }
}
