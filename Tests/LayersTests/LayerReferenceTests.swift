import Diagnostics
import Layers
import Model
import System
import SystemPackage
import Testing

/// Layers by digest instead of by name, and heads of manifests.
struct LayerReferenceTests {
    @Test("a layer is found by the beginning of its digest, marked or not; a name comes first")
    func digests() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { try fixture.fill($0) }
        let hex = base.digest.hex
        for text in ["sha256:\(hex)", "sha256:\(hex.prefix(4))", String(hex.prefix(12)), hex.uppercased()] {
            #expect(try fixture.store.layer(named: text).name == "base", "\(text)")
        }
        for text in [
            "sha256:\(hex.prefix(3))", String(hex.prefix(7)), "sha256:" + String(repeating: "0", count: 64), "md5:\(hex)",
        ] {
            #expect(failure { _ = try fixture.store.layer(named: text) }?.code == .notFound, "\(text)")
        }
        let named = try fixture.layer(String(hex.prefix(12)))
        #expect(try fixture.store.layer(named: String(hex.prefix(12))).digest == named.digest)
        #expect(try fixture.store.target("sha256:\(hex)").trees == [base.tree])
    }

    @Test("a clone's digest is as good as the other's, but removing by it says which there are")
    func clones() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { try fixture.fill($0) }
        _ = try fixture.store.clone(base, as: "copy", command: "provision base copy")
        #expect(try fixture.store.layer(named: base.digest.description).name == "base")
        let error = failure { try fixture.store.remove(base.digest.description) }
        #expect(error?.code == .usage && error?.causes == ["base", "copy"])
        try fixture.store.remove("copy")
        try fixture.store.remove(base.digest.description)
        #expect(try fixture.store.layers().isEmpty)
    }

    @Test("a head is the beginning of the manifest, and says what is wrong with one that is damaged")
    func heads() throws {
        let fixture = try Fixture()
        let base = try fixture.layer("base") { try fixture.fill($0) }
        try fixture.layer("web", on: base)
        let heads = try fixture.store.heads()
        #expect(heads.map(\.name) == ["base", "web"] && heads[0].digest == base.digest)
        #expect(heads[1].parent == .init(name: "base", digest: base.digest) && heads[0].size == base.manifest.size)
        #expect(heads[0].made == (try base.made) && heads[0].created == base.manifest.created)
        try Files.write("{\"schema\": 1, \"name\": \"base\"}", to: base.directory.appending("layer.json"))
        #expect(failure { _ = try fixture.store.heads() }?.message.contains("\"kind\" is missing") == true)
    }
}
