import Diagnostics
import Glibc
import Layers
import Model
import System
import SystemPackage
import Testing

@testable import Images

/// Images made to do harm: each must be refused with status 4, change nothing outside, and leave nothing behind.
@Suite(.serialized) struct HostileArchiveTests {
    private static let outside = "/tmp/provision-hostile-outside"

    @Test(
        "an archive can't reach out of its root",
        arguments: [
            "dot dot", "absolute", "through a link", "through a relative link", "hard link outside", "hard link dot dot",
            "link as root",
        ])
    func reaching(_ how: String) throws {
        let fixture = try LayerFixture()
        try Files.remove(FilePath(Self.outside))
        try Files.makeDirectory(FilePath(Self.outside))
        defer { try? Files.remove(FilePath(Self.outside)) }
        try Files.write("precious", to: FilePath(Self.outside + "/file"))
        let evil = Array("evil".utf8)
        let entries: [HostileEntry] =
            switch how {
            case "dot dot": [.file("../../../../../../../../\(Self.outside)/new", evil)]
            case "absolute": [.file("\(Self.outside)/new", evil)]
            case "through a link": [.link("l", Self.outside), .file("l/new", evil)]
            case "through a relative link": [.link("l", "../../../../../../../..\(Self.outside)"), .file("l/file", evil)]
            case "hard link outside": [.hardLink("h", "\(Self.outside)/file"), .file("h", evil)]
            case "hard link dot dot": [.hardLink("h", "../../../../../../../..\(Self.outside)/file"), .file("h", evil)]
            default: [.link(".", Self.outside), .file("new", evil)]
            }
        let error = try unpack(entries, fixture)
        #expect(error?.code == .verification, "\(String(describing: error))")
        #expect(try Files.names(in: FilePath(Self.outside)) == ["file"])
        #expect(try Files.readText(FilePath(Self.outside + "/file")) == "precious")
    }

    @Test(
        "attributes can't be set through a link, on what isn't there, or such as no layer has",
        arguments: ["link", "missing", "kind"])
    func attributes(_ how: String) throws {
        let fixture = try LayerFixture()
        let victim = fixture.path.appending("victim")
        try Files.makeDirectory(victim)
        try Files.write("x", to: victim.appending("file"))
        let (path, name) =
            switch how {
            case "link": ("l/file", "user.evil")
            case "missing": ("nothing", "user.evil")
            default: ("plain", "security.selinux")
            }
        let sidecar = #"{"schema":1,"entries":[{"path":"\#(path)","attributes":{"\#(name)":"ZXZpbA=="}}]}"#
        let error = try unpack(
            [
                .directory(".provision"), .file(".provision/xattrs.json", Array(sidecar.utf8)), .link("l", victim.string),
                .file("plain", []),
            ], fixture)
        #expect(error?.code == .verification)
        let names = try victim.appending("file").withPlatformString { try ExtendedAttributes.names(of: $0) }
        #expect(!names.contains("user.evil"))
    }

    @Test("an envelope that is a link leads nowhere")
    func envelope() throws {
        let fixture = try LayerFixture()
        let victim = fixture.path.appending("victim")
        try Files.makeDirectory(victim)
        try Files.write("{}", to: victim.appending("xattrs.json"))
        _ = try unpack([.link(".provision", victim.string), .file("plain", [])], fixture)
        #expect(try Files.names(in: victim) == ["xattrs.json"])
    }

    @Test("more than the manifest says is refused before it fills the disk")
    func bomb() throws {
        let fixture = try LayerFixture()
        // A manifest of one small file, and 200 MiB of zeros behind it.
        let measure = TreeMeasure(digest: sha256(of: ""), size: 4, fileCount: 1)
        let manifest = try ManifestFile.encode(fixture.manifest("bomb", measure))
        let error = try unpack(
            [
                .directory(".provision"), .file(".provision/layer.json", manifest),
                .file("zeros", [UInt8](repeating: 0, count: 200 << 20)),
            ], fixture)
        #expect(error?.code == .verification)
        #expect(error?.message.contains("holds more than it says") == true)
    }

    @Test("two entries of one name: what is unpacked is what the manifest says, or it is refused")
    func duplicates() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let manifest = try ManifestFile.encode(base.manifest)
        let error = try unpack(
            [
                .directory(".provision"), .file(".provision/layer.json", manifest), .file("etc/hosts", Array("good".utf8)),
                .file("etc/hosts", Array("evil".utf8)),
            ], fixture)
        #expect(error?.code == .verification)
    }

    @Test("a manifest that claims a name outside of the store is refused", arguments: ["../evil", "/evil", ".evil"])
    func names(_ name: String) throws {
        let fixture = try LayerFixture()
        let manifest = try ManifestFile.encode(
            fixture.manifest(name, TreeMeasure(digest: sha256(of: ""), size: 0, fileCount: 0)))
        let error = try unpack([.directory(".provision"), .file(".provision/layer.json", manifest)], fixture, name: nil)
        #expect(error?.code == .usage)
    }

    @Test("attributes of overlayfs that would redirect a lookup don't survive")
    func redirect() throws {
        let fixture = try LayerFixture()
        let entries: [HostileEntry] = [
            .directory("etc"), .attributed("opt", [.init(name: "trusted.overlay.redirect", value: Array("/etc".utf8))]),
        ]
        _ = try unpack(entries, fixture)
        let layer = try LayerStore(state: fixture.path.appending("victim-state")).layer(named: "hostile")
        let names = try layer.tree.appending("opt").withPlatformString { try ExtendedAttributes.names(of: $0) }
        #expect(names.isEmpty)
    }

    @Test(
        "a file system image with a name, a size or a content that it shouldn't have is refused",
        arguments: ["squashfs", "erofs"], ["claims", "tampered", "attributes", "not one", "cut"])
    func fileSystem(_ format: String, _ how: String) throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let directory = fixture.path.appending("evil")
        try fixture.shell("cp -a \(base.tree) \(directory); mkdir \(directory)/.provision; ln -s /etc/passwd \(directory)/l")
        var manifest = base.manifest
        if how == "claims" { (manifest.size, manifest.fileCount) = (1, 1) }
        try Files.write(try ManifestFile.encode(manifest), to: directory.appending(".provision/layer.json"))
        if how == "attributes" {
            let sidecar = #"{"schema":1,"entries":[{"path":"l/x","attributes":{"user.evil":"ZXZpbA=="}}]}"#
            try Files.write(sidecar, to: directory.appending(".provision/xattrs.json"))
        }
        let image = fixture.path.appending("evil.\(format)")
        try fixture.shell(
            format == "erofs"
                ? "mkfs.erofs --quiet \(image) \(directory) 2>/dev/null"
                : "mksquashfs \(directory) \(image) -quiet -no-progress 2>/dev/null")
        if how == "not one" { try Files.write("hello", to: image) }
        if how == "cut" { try fixture.shell("truncate -s 4096 \(image)") }
        let store = LayerStore(state: fixture.path.appending("victim-state"))
        let error = refusal {
            _ = try ImageUnpacker(store: store, progress: SilentProgress()).unpack(
                image, format: ImageFormat(named: format), UnpackRequest(name: "x", command: "test", now: 1, arch: "x86_64"))
        }
        #expect(error?.code == .verification, "\(String(describing: error))")
        #expect(try store.layers().isEmpty && Files.names(in: store.state.appending("staging")).isEmpty)
        #expect(try !Files.readText("/proc/self/mountinfo").contains("provision-image"))
    }

    /// The error of unpacking an archive made of `entries`; whatever it is, nothing is left in staging, and no layer where it failed.
    private func unpack(
        _ entries: [HostileEntry], _ fixture: borrowing LayerFixture, name: String? = "hostile"
    ) throws -> ProvisionError? {
        let image = fixture.path.appending("hostile.tar")
        try Files.write(try HostileEntry.archive(entries), to: image)
        let store = LayerStore(state: fixture.path.appending("victim-state"))
        let error = refusal {
            _ = try ImageUnpacker(store: store, progress: SilentProgress()).unpack(
                image, format: ImageFormat(.tar, .none), UnpackRequest(name: name, command: "test", now: 1, arch: "x86_64"))
        }
        #expect(try Files.names(in: store.state.appending("staging")).isEmpty)
        #expect(try store.layers().isEmpty == (error != nil))
        return error
    }
}

/// An entry of an archive, as wrong as one likes.
private struct HostileEntry {
    var name: String
    var kind: TreeEntry.Kind
    var bytes: [UInt8] = []
    var target: String?
    var attributes: [ExtendedAttribute] = []

    static func file(_ name: String, _ bytes: [UInt8]) -> Self { .init(name: name, kind: .file, bytes: bytes) }
    static func directory(_ name: String) -> Self { .init(name: name, kind: .directory) }
    static func link(_ name: String, _ target: String) -> Self { .init(name: name, kind: .link(target: Array(target.utf8))) }
    static func hardLink(_ name: String, _ target: String) -> Self { .init(name: name, kind: .file, target: target) }
    static func attributed(_ name: String, _ attributes: [ExtendedAttribute]) -> Self {
        .init(name: name, kind: .directory, attributes: attributes)
    }

    static func archive(_ entries: [HostileEntry]) throws -> [UInt8] {
        let encoder = PaxEncoder()
        var bytes: [UInt8] = []
        for (index, hostile) in entries.enumerated() {
            let entry = TreeEntry(
                path: TreePath(hostile.name), kind: hostile.kind, mode: hostile.kind == .directory ? 0o755 : 0o644,
                size: UInt64(hostile.bytes.count), modified: 1, attributes: hostile.attributes)
            var archived = ArchiveEntry(
                entry: entry, name: Array(hostile.name.utf8), dataSize: UInt64(hostile.bytes.count), link: nil,
                number: UInt32(index + 1))
            if let target = hostile.target { archived.link = .init(count: 2, firstName: Array(target.utf8), isFirst: false) }
            bytes += try encoder.header(of: archived) + hostile.bytes
            bytes += [UInt8](repeating: 0, count: encoder.padding(after: archived.dataSize))
        }
        return bytes + encoder.trailer(at: UInt64(bytes.count))
    }
}
