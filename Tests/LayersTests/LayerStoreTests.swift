import Diagnostics
import Glibc
import Layers
import Model
import System
import SystemPackage
import Testing

struct LayerStoreTests {
    @Test("an empty state lists nothing, and a name is not found with a hint how to begin")
    func empty() throws {
        let fixture = try Fixture()
        #expect(try fixture.store.layers().isEmpty)
        let error = failure { _ = try fixture.store.layer(named: "base") }
        #expect(error?.code == .notFound)
        #expect(error?.hint == "make one: provision base")
    }

    @Test("layers are listed by name; a misspelt name is answered with the nearest")
    func listing() throws {
        let fixture = try Fixture()
        for name in ["web", "base", "ftp"] { try fixture.layer(name) }
        #expect(try fixture.store.layers().map(\.name) == ["base", "ftp", "web"])
        let error = failure { _ = try fixture.store.layer(named: "bsae") }
        #expect(error?.message == "there is no layer \"bsae\"")
        #expect(error?.hint == "did you mean \"base\"?")
    }

    @Test("a committed layer is what its manifest says, and leaves no staging behind")
    func commit() throws {
        let fixture = try Fixture()
        let made = try fixture.layer("base") { try fixture.fill($0) }
        let found = try fixture.store.layer(named: "base")
        #expect(found == made)
        #expect(try TreeDigest.measure(found.tree).digest == found.digest)
        #expect(found.manifest.size == 33)
        #expect(try Files.names(in: fixture.store.state.appending("staging")).isEmpty)
        #expect(try fixture.store.find(digest: found.digest)?.name == "base")
        #expect(try fixture.store.find(request: found.manifest.request)?.name == "base")
        #expect(try fixture.store.find(request: sha256(of: "another")) == nil)
    }

    @Test("other users reach neither a tree nor one being made")
    func modes() throws {
        let fixture = try Fixture()
        let layer = try fixture.layer("base")
        let staging = try fixture.store.stage("test")
        func mode(_ path: FilePath) -> mode_t {
            var status = stat()
            lstat(path.string, &status)
            return status.st_mode & 0o777
        }
        #expect(mode(layer.directory.removingLastComponent()) == 0o700)
        #expect(mode(staging.directory) == 0o700)
        #expect(mode(staging.tree) == 0o755)
    }

    @Test("a manifest survives its file; one of a newer format is refused")
    func manifest() throws {
        let fixture = try Fixture()
        var manifest = fixture.manifest("base", .init(digest: sha256(of: ""), size: 7, fileCount: 2))
        manifest.patches = [.init(name: "machine-id", outcome: .notNeeded, detail: "empty already")]
        manifest.packages = [
            .init(
                nevra: NEVRA("bash-5.1-2.el9.x86_64")!, repository: "demo", location: "b/bash.rpm", checksum: sha256(of: "b"),
                size: 5, installedSize: 9, summary: "shell", reason: .requires(capability: "/bin/sh", by: "x-1-1.noarch"))
        ]
        let bytes = try ManifestFile.encode(manifest)
        #expect(try ManifestFile.decode(bytes, from: "test") == manifest)
        #expect(try ManifestFile.encode(ManifestFile.decode(bytes, from: "test")) == bytes)
        manifest.schema = 4
        let error = failure { _ = try ManifestFile.decode(try ManifestFile.encode(manifest), from: "layer.json") }
        #expect(error?.code == .unsupported)
        let broken = failure { _ = try ManifestFile.decode(Array(#"{"schema": 1, "name": "x"}"#.utf8), from: "layer.json") }
        #expect(broken?.message.contains("\"kind\" is missing") == true)
    }

    @Test("a chain goes from the top to the base")
    func chain() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { try fixture.fill($0) }
        let web = try fixture.layer("web", on: base)
        try fixture.layer("shop", on: web) { try fixture.write("1", $0, "version") }
        let chain = try fixture.store.chain(named: "shop")
        #expect(chain.names == ["shop", "web", "base"])
        #expect(chain.base == base)
        #expect(try fixture.store.children(of: base) == ["web"])
        let families = try fixture.store.families()
        #expect(families.map(\.layer.name) == ["base"])
        #expect(families[0].children[0].children[0].layer.name == "shop")
    }

    @Test("a parent that was replaced behind the store's back is an error with both digests")
    func replacedParent() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { try fixture.fill($0) }
        try fixture.layer("web", on: base)
        try Files.remove(base.directory)
        let missing = failure { _ = try fixture.store.chain(named: "web") }
        #expect(missing?.message == "the layer \"web\" stands on \"base\", which is not there")
        let other = try fixture.layer("base") { try fixture.write("other", $0, "file") }
        let error = failure { _ = try fixture.store.chain(named: "web") }
        #expect(error?.causes == ["made on \(base.digest)", "here is \(other.digest)"])
        #expect(try fixture.store.families().first?.children.first?.broken == error)
    }

    @Test("a name that exists is a conflict, unless it is to be replaced and nobody needs it")
    func replacing() throws {
        let fixture = try Fixture()
        let first = try fixture.layer("base") { try fixture.write("1", $0, "version") }
        let error = failure { try fixture.layer("base") }
        #expect(error?.code == .conflict)
        let second = try fixture.layer("base", replacing: true) { try fixture.write("2", $0, "version") }
        #expect(second.digest != first.digest)
        #expect(try Files.readText(second.tree.appending("version")) == "2")
        try fixture.layer("web", on: second)
        let needed = failure { try fixture.layer("base", replacing: true) }
        #expect(needed?.message == "cannot replace the layer \"base\": it is in use")
        #expect(try fixture.store.layer(named: "base").digest == second.digest)
        _ = try fixture.store.sweep()
        #expect(try Files.names(in: fixture.store.state.appending("staging")).isEmpty)
    }

    @Test("a parent removed while its child was built fails the commit")
    func parentGone() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base")
        let staging = try fixture.store.stage("provision app web")
        try fixture.store.remove("base")
        let error = failure {
            _ = try fixture.store.commit(staging, rules: .none) { fixture.manifest("web", on: base, $0) }
        }
        #expect(error?.code == .conflict)
        #expect(error?.message == "the layer \"base\" was removed meanwhile")
        #expect(try fixture.store.layers().isEmpty)
    }

    @Test("a layer with children or machines can't be removed, and says who they are")
    func removal() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { try fixture.fill($0) }
        try fixture.layer("web", on: base)
        let children = failure { try fixture.store.remove("base") }
        #expect(children?.code == .conflict)
        #expect(children?.causes == ["layers on top of it: web"])
        let machine = fixture.store.state.appending("machines").appending("shop")
        try Files.makeDirectory(machine)
        let digest = "sha256:" + String(repeating: "0", count: 64)
        try Files.write(
            #"{"layer": {"name": "web", "digest": "\#(digest)"}, "name": "shop"}"#, to: machine.appending("machine.json"))
        #expect(failure { try fixture.store.remove("web") }?.causes == ["machines made from it: shop"])
        try Files.remove(machine)
        try fixture.store.remove("web")
        try fixture.store.remove("base")
        #expect(try fixture.store.layers().isEmpty)
        #expect(failure { try fixture.store.remove("base") }?.code == .notFound)
    }

    @Test(
        "names that would leave the directory or hide are refused", arguments: ["", ".", "..", "a/b", "-a", ".a", "ä", "a b"])
    func names(_ name: String) throws {
        let fixture = try Fixture()
        #expect(failure { try LayerName.check(name) }?.code == .usage)
        #expect(failure { _ = try fixture.store.layer(named: name) }?.code == .notFound)
    }

    @Test("a target with a slash is a directory, without one a layer")
    func targets() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base")
        #expect(try fixture.store.target("base").trees == [base.tree])
        #expect(try fixture.store.target("base").layerNames == ["base"])
        #expect(try fixture.store.target("\(fixture.path)/state/").trees == [fixture.store.state])
        #expect(failure { _ = try fixture.store.target("bas") }?.hint == "did you mean \"base\"?")
        #expect(failure { _ = try fixture.store.target("./base") }?.code == .notFound)
    }
}
