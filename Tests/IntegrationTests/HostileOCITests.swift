import Diagnostics
import FoundationEssentials
import Images
import Layers
import Model
import System
import SystemPackage
import Testing

/// OCI images made to do harm: each is refused, and leaves neither layer nor staging nor anything outside.
@Suite(.serialized) struct HostileOCITests {
    private static let outside = "/tmp/provision-hostile-oci"

    @Test(
        "an image that isn't what its documents say is refused",
        arguments: [
            "layer digest", "layer size", "layer is a link", "layer missing", "diff id", "config digest", "large config",
            "large manifest", "foreign url", "loop of indexes", "no layout", "unknown layer kind", "other layer count",
            "too many layers",
        ])
    func documents(_ how: String) throws {
        let fixture = try LayerFixture()
        let forge = try Forge(fixture)
        try forge.addLayer("mkdir etc; echo x > etc/x")
        let error = try forge.unpack { image in
            switch how {
            case "layer digest": try fixture.shell("printf y | dd of=\(image.layerPath) bs=1 seek=40 conv=notrunc status=none")
            case "layer size": try fixture.shell("printf y >> \(image.layerPath)")
            case "layer is a link":
                try fixture.shell("mv \(image.layerPath) \(fixture.path)/real; ln -s \(fixture.path)/real \(image.layerPath)")
            case "layer missing": try fixture.shell("rm \(image.layerPath)")
            case "diff id": image.diffs[0] = sha256(of: "another").description
            case "config digest": image.afterConfig = { try fixture.shell("printf x >> \($0)") }
            case "large config": image.configSize = 65 << 20
            case "large manifest": image.manifestSize = 5 << 20
            case "foreign url":
                image.urls = ["https://example.com/layer"]
                try fixture.shell("rm \(image.layerPath)")
            case "loop of indexes": image.indexes = 6
            case "no layout": image.finally = { try fixture.shell("rm \($0)/oci-layout") }
            case "unknown layer kind": image.layerType = "application/vnd.example.layer"
            case "other layer count": image.diffs.append(image.diffs[0])
            default:
                image.repeatLayers = 600
            }
        }
        #expect(error?.code == .verification, "\(String(describing: error))")
        if how == "diff id" { #expect(error?.causes.count == 2) }
    }

    @Test(
        "a layer can't reach out of its root, nor remove by a whiteout what is outside",
        arguments: [
            "dot dot", "absolute", "through a link", "hard link outside", "whiteout through a link", "whiteout of dot dot",
            "whiteout that is a directory", "link to the blobs",
        ])
    func reaching(_ how: String) throws {
        let fixture = try LayerFixture()
        let victim = FilePath(Self.outside)
        try Files.remove(victim)
        try Files.makeDirectory(victim)
        defer { try? Files.remove(victim) }
        try Files.write("precious", to: victim.appending("file"))
        let forge = try Forge(fixture)
        // GNU tar writes what it is told with -P and --transform.
        switch how {
        case "dot dot": try forge.addLayer("echo e > f", "-P --transform s,f,../../../../../../..\(victim)/new,")
        case "absolute": try forge.addLayer("echo e > f", "-P --transform s,f,\(victim)/new,")
        case "through a link":
            try forge.addLayer("ln -s \(victim) l; mkdir d; echo e > d/new", "-P --transform s,^d/,l/,", "l d/new")
        case "hard link outside":
            try forge.addLayer("echo e > a; ln a b", "-P --transform=flags=h;s,^a,\(victim)/file,", "a b")
        case "whiteout through a link":
            try forge.addLayer("ln -s \(victim) l; mkdir d; : > d/.wh.file", "-P --transform s,^d/,l/,", "l d/.wh.file")
        case "whiteout of dot dot": try forge.addLayer("mkdir d; : > d/.wh...; : > .wh..")
        case "whiteout that is a directory": try forge.addLayer("mkdir -p d/.wh.x/y")
        default: try forge.addLayer("ln -s / root; : > .wh.root")
        }
        let error = try forge.unpack { _ in }
        #expect(try Files.names(in: victim) == ["file"])
        #expect(try Files.readText(victim.appending("file")) == "precious")
        let harmless = ["link to the blobs"]
        #expect(error?.code == (harmless.contains(how) ? nil : .verification), "\(String(describing: error))")
    }

    @Test("a layer that holds more than the image says is stopped before it fills the disk", arguments: ["zeros", "holes"])
    func bomb(_ how: String) throws {
        let fixture = try LayerFixture()
        let forge = try Forge(fixture)
        try forge.addLayer(
            how == "holes" ? "truncate -s 15T zeros" : "truncate -s 150M zeros", how == "holes" ? "-S" : "--format=posix")
        let manifest = fixture.manifest("bomb", TreeMeasure(digest: sha256(of: ""), size: 4, fileCount: 1))
        let error = try forge.unpack { image in
            image.provision = String(decoding: try ManifestFile.encode(manifest), as: UTF8.self)
        }
        #expect(error?.code == .verification)
        #expect(
            error?.message.contains(how == "holes" ? "claims to hold" : "holds more than it says") == true,
            "\(String(describing: error))")
    }

    @Test(
        "a chain whose layers don't stand on each other is refused, and one that says another digest",
        arguments: ["parent", "digest"])
    func chain(_ how: String) throws {
        let fixture = try LayerFixture()
        let forge = try Forge(fixture)
        try forge.addLayer("echo x > x")
        var manifest = fixture.manifest("evil", TreeMeasure(digest: sha256(of: "another"), size: 2, fileCount: 1))
        if how == "parent" { manifest.parent = .init(name: "base", digest: sha256(of: "base")) }
        let error = try forge.unpack { image in
            image.provision = String(decoding: try ManifestFile.encode(manifest), as: UTF8.self)
        }
        #expect(error?.code == .verification, "\(String(describing: error))")
    }
}

/// Writes layouts by hand, as wrong as one likes.
private final class Forge {
    struct Image {
        var layerPath: FilePath
        var layerType = "application/vnd.oci.image.layer.v1.tar"
        var diffs: [String]
        var urls: [String] = []
        var configSize: Int?
        var manifestSize: Int?
        var indexes = 0
        var repeatLayers = 1
        var provision: String?
        var afterConfig: (String) throws -> Void = { _ in }
        var finally: (String) throws -> Void = { _ in }
    }

    private let path: FilePath
    private let layout: FilePath
    private var archive: FilePath { path.appending("forged.tar") }

    init(_ fixture: borrowing LayerFixture) throws {
        path = fixture.path
        layout = path.appending("forged.oci")
        try Files.makeDirectory(layout.appending("blobs/sha256"))
        try Files.write("{\"imageLayoutVersion\":\"1.0.0\"}", to: layout.appending("oci-layout"))
    }

    /// The layer: what the script leaves in an empty directory, archived by GNU tar.
    func addLayer(_ script: String, _ options: String = "", _ names: String = "") throws {
        let quoted = options.split(separator: " ").map { "'\($0)'" }.joined(separator: " ")
        try runChecked([
            "sh", "-ec",
            """
            mkdir \(path)/forged; cd \(path)/forged; \(script)
            names="\(names)"; [ "$names" ] || names=$(ls -A)
            tar -cf \(archive) \(quoted) $names
            """,
        ])
    }

    /// The error of unpacking it; nothing of a refused image is left.
    func unpack(_ change: (inout Image) throws -> Void) throws -> ProvisionError? {
        let layer = try blob(try Files.read(archive, limit: 1 << 30))
        var image = Image(layerPath: layout.appending("blobs/sha256/\(layer.hex)"), diffs: [layer.description])
        let size = try Files.read(archive, limit: 1 << 30).count
        try change(&image)
        let diffs = image.diffs.map { "\"\($0)\"" }.joined(separator: ",")
        let repeated = Array(repeating: diffs, count: image.repeatLayers).joined(separator: ",")
        let own =
            image.provision.map { #","io.provision":{"layers":[\#($0)]}"# }
            ?? ""
        let config = try blob(
            Array(#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[\#(repeated)]}\#(own)}"#.utf8))
        let configFile = layout.appending("blobs/sha256/\(config.hex)")
        let configSize = try image.configSize ?? Files.read(configFile).count
        try image.afterConfig(configFile.string)
        let urls = image.urls.isEmpty ? "" : #","urls":["\#(image.urls[0])"]"#
        let descriptor = #"{"mediaType":"\#(image.layerType)","digest":"\#(layer)","size":\#(size)\#(urls)}"#
        let layers = Array(repeating: descriptor, count: image.repeatLayers).joined(separator: ",")
        var type = "application/vnd.oci.image.manifest.v1+json"
        var top = try blob(
            Array(
                #"{"schemaVersion":2,"mediaType":"\#(type)","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(config)","size":\#(configSize)},"layers":[\#(layers)]}"#
                    .utf8))
        func reference() throws -> String {
            let size = try image.manifestSize ?? Files.read(layout.appending("blobs/sha256/\(top.hex)")).count
            return #"{"mediaType":"\#(type)","digest":"\#(top)","size":\#(size)}"#
        }
        for _ in 0..<image.indexes {
            let nested = #"{"schemaVersion":2,"manifests":[\#(try reference())]}"#
            type = "application/vnd.oci.image.index.v1+json"
            top = try blob(Array(nested.utf8))
        }
        try Files.write(#"{"schemaVersion":2,"manifests":[\#(try reference())]}"#, to: layout.appending("index.json"))
        try image.finally(layout.string)
        let store = LayerStore(state: path.appending("victim-state"))
        let error = refusal {
            _ = try OCILayout(store: store, progress: SilentProgress()).unpack(
                folder: layout, rules: .none, UnpackRequest(name: "hostile", command: "test", now: 1, arch: "x86_64"))
        }
        #expect(try Files.names(in: store.state.appending("staging")).isEmpty)
        #expect(try store.layers().isEmpty == (error != nil))
        return error
    }

    private func blob(_ bytes: [UInt8]) throws -> ContentDigest {
        var digester = Digester.sha256
        bytes.withUnsafeBytes { digester.update($0) }
        let digest = digester.finalize()
        try Files.write(bytes, to: layout.appending("blobs/sha256/\(digest.hex)"))
        return digest
    }
}
