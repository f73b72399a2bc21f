import Diagnostics
import Images
import Layers
import System
import SystemPackage
import Testing

struct ImageFidelityTests {
    private let packer = ImagePacker(progress: SilentProgress())

    @Test(
        "base and app arrive in another store equal path by path, the app running on the base there",
        arguments: ImageFormat.singleLayer)
    func roundTrip(_ format: ImageFormat) throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let app = try fixture.app(on: base)
        let other = LayerStore(state: fixture.path.appending("other"))
        for layer in [base, app] {
            let image = fixture.path.appending("\(layer.name).\(format)")
            _ = try packer.pack(tree: layer.tree, manifest: layer.manifest, format: format, to: image)
            let unpacked = try ImageUnpacker(store: other, progress: SilentProgress()).unpack(
                image, format: format, UnpackRequest(command: "provision unpack", now: 1, arch: "x86_64"))
            #expect(try listing(unpacked.layer.tree) == listing(layer.tree))
            let again = fixture.path.appending("again.\(format)")
            _ = try packer.pack(tree: unpacked.layer.tree, manifest: unpacked.layer.manifest, format: format, to: again)
            #expect(try digest(ofFileAt: again).digest == digest(ofFileAt: image).digest)
        }
        #expect(try other.chain(named: "web").names == ["web", "base"])
    }

    @Test("the same layer from two stores, packed at another time, is the same bytes", arguments: ImageFormat.singleLayer)
    func reproducible(_ format: ImageFormat) throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let clone = try fixture.store.clone(base, as: "copy", command: "provision base copy")
        let images = try [base, clone].map { layer in
            let image = fixture.path.appending("\(layer.name).\(format)")
            _ = try packer.pack(tree: layer.tree, manifest: base.manifest, format: format, to: image)
            return try digest(ofFileAt: image).digest
        }
        #expect(images[0] == images[1])
    }

    @Test("holes arrive as holes in every format", arguments: ImageFormat.singleLayer)
    func holes(_ format: ImageFormat) throws {
        let fixture = try LayerFixture()
        let staging = try fixture.store.stage("provision base sparse")
        let root = staging.tree
        try fixture.shell(
            """
            cd \(root); echo x > plain
            truncate -s 9000000 only-hole; truncate -s 5000000 middle; printf begin | dd of=middle conv=notrunc status=none
            printf end | dd of=middle bs=1 seek=4999990 conv=notrunc status=none; ln middle middle-again
            truncate -s 3000000 "$(printf 'latin-\\344')"; head -c 300000 /dev/urandom | dd of="$(printf 'latin-\\344')" conv=notrunc status=none
            """)
        let layer = try fixture.store.commit(staging, rules: .none) { fixture.manifest("sparse", $0) }
        #expect(try blocks(layer.tree) < 1_000_000)
        let image = fixture.path.appending("sparse.\(format)")
        _ = try packer.pack(tree: layer.tree, manifest: layer.manifest, format: format, to: image)
        let other = LayerStore(state: fixture.path.appending("other"))
        let unpacked = try ImageUnpacker(store: other, progress: SilentProgress()).unpack(
            image, format: format, UnpackRequest(command: "provision unpack", now: 1, arch: "x86_64"))
        #expect(try listing(unpacked.layer.tree) == listing(layer.tree))
        #expect(try blocks(unpacked.layer.tree) < 1_000_000)
        if format == ImageFormat(.tar, .none) { #expect(try Files.read(image).count < 700_000) }
    }

    /// Bytes that a tree takes on disk.
    private func blocks(_ tree: FilePath) throws -> Int {
        Int(try runChecked(["du", "-s", "-B1", tree.string]).text.split(separator: "\t")[0]) ?? .max
    }

    @Test("under --strict a format that would lose something refuses, and names it")
    func strict() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let strict = ImagePacker(progress: SilentProgress(), strict: true)
        for (format, lost) in [
            ("cpio", "/usr/bin/ping: security.capability"), ("squashfs", "/etc/old: time"), ("tar", "/var/log: "),
        ] {
            let image = fixture.path.appending("strict.\(format)")
            let error = refusal {
                _ = try strict.pack(
                    tree: base.tree, manifest: base.manifest, format: ImageFormat(named: format), to: image)
            }
            #expect(error?.code == .unsupported)
            #expect(error?.causes.contains { $0.hasPrefix(lost) } == true, "\(format): \(String(describing: error))")
            #expect(!Files.exists(image))
        }
    }

    @Test("squashfs and erofs images show the layer when they are mounted, whiteouts and capabilities as overlayfs wants them")
    func mounted() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let app = try fixture.app(on: base)
        for format in ["squashfs", "erofs"] {
            let place = fixture.path.appending("mounted-\(format)")
            for layer in [base, app] {
                let image = fixture.path.appending("\(layer.name).\(format)")
                _ = try packer.pack(
                    tree: layer.tree, manifest: layer.manifest, format: ImageFormat(named: format), to: image)
                let lower = place.appending(layer.name)
                try fixture.shell("mkdir -p \(lower); mount -o loop,ro \(image) \(lower)")
            }
            defer { try? fixture.shell("umount \(place)/view \(place)/web \(place)/base") }
            try fixture.shell(
                "mkdir \(place)/view; mount -t overlay none -o ro,lowerdir=\(place)/web:\(place)/base \(place)/view")
            let view = place.appending("view")
            #expect(try Files.names(in: view.appending("usr/share/doc")) == ["b"])
            #expect(try Files.names(in: view.appending("usr/share/doc/b")) == ["3"])
            #expect(!Files.exists(view.appending("etc/old")))
            #expect(try runChecked(["getcap", view.appending("usr/bin/web").string]).text.contains("cap_net_bind_service"))
        }
    }

    @Test("Debian's cpio unpacks a .cpio.bz2 to the same tree")
    func debianCpio() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        for layer in [base, try fixture.app(on: base)] {
            let image = fixture.path.appending("\(layer.name).cpio.bz2")
            _ = try packer.pack(tree: layer.tree, manifest: layer.manifest, format: ImageFormat(.cpio, .bzip2), to: image)
            let place = fixture.path.appending("cpio-\(layer.name)")
            try Files.makeDirectory(place)
            try fixture.shell("cd \(place); bzip2 -dc ../\(layer.name).cpio.bz2 | cpio -im --quiet; rm -r .provision")
            // cpio carries no attributes and no time before 1970; Debian's sets times of files only, and makes directories
            // first and fills them then.
            func shown(_ tree: FilePath) throws -> [String] {
                try listing(tree, times: true, attributes: false, onlyFileTimes: true).filter {
                    !$0.contains("@-") && !$0.hasPrefix(" ")
                }
            }
            let expected = try shown(layer.tree).filter { !$0.hasPrefix("etc/old ") }
            #expect(try shown(place).filter { !$0.hasPrefix("etc/old ") } == expected)
        }
    }

    @Test("GNU tar unpacks a .tar.zst to the same tree, with capabilities and attributes")
    func gnuTar() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        for layer in [base, try fixture.app(on: base)] {
            let image = fixture.path.appending("\(layer.name).tar.zst")
            _ = try packer.pack(tree: layer.tree, manifest: layer.manifest, format: ImageFormat(.tar, .zstd), to: image)
            let place = fixture.path.appending("tar-\(layer.name)")
            try Files.makeDirectory(place)
            try fixture.shell(
                """
                cd \(place); zstd -dcq ../\(layer.name).tar.zst | \
                tar -x -p --numeric-owner --xattrs --xattrs-include='*' --warning=no-unknown-keyword -f -
                rm -r .provision
                """)
            // Access lists are in the sidecar; the root's time went with the removal of the envelope.
            func shown(_ tree: FilePath) throws -> [String] {
                try listing(tree).dropFirst().filter { !$0.hasPrefix("var/log ") }
            }
            #expect(try shown(place) == shown(layer.tree))
        }
    }

    @Test("an image appears under its name only when it is whole, and a compressor that dies leaves nothing")
    func whole() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        try Files.makeDirectory(fixture.path.appending("out"))
        let large = fixture.path.appending("large")
        try Files.makeDirectory(large)
        try fixture.shell("head -c 8000000 /dev/urandom > \(large)/random")
        let watcher = Watcher(directory: fixture.path.appending("out"))
        _ = try ImagePacker(progress: watcher).pack(
            tree: large, manifest: nil, format: ImageFormat(.tar, .zstd), to: fixture.path.appending("out/large.tar.zst"))
        #expect(!watcher.seen.isEmpty)
        #expect(watcher.seen.allSatisfy { $0.isEmpty })
        #expect(try Files.names(in: fixture.path.appending("out")) == ["large.tar.zst"])
        #expect(
            refusal {
                _ = try packer.pack(
                    tree: base.tree, manifest: base.manifest, format: ImageFormat(.tar, .none),
                    to: fixture.path.appending("none/x.tar"))
            }?.message.contains("none/x.tar") == true)
    }
}

/// Notes what is in a directory each time that progress is reported.
private final class Watcher: ProgressSink, @unchecked Sendable {
    private let directory: FilePath
    /// Written by the packing thread only, read after it.
    private(set) var seen: [[String]] = []

    init(directory: FilePath) { self.directory = directory }

    func report(_ event: ProgressEvent) {
        if case .advanced = event, let names = try? Files.names(in: directory) { seen.append(names) }
    }
}
