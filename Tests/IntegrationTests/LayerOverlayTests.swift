import Diagnostics
import Glibc
import Layers
import System
import SystemPackage
import Testing

struct LayerOverlayTests {
    @Test("an application's layer holds the delta only, and shows the merged view as it was installed")
    func delta() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let before = try listing(base.tree)
        let app = try fixture.app(on: base)
        let entries = try TreeScanner.scan(app.tree).entries
        let kinds = Dictionary(uniqueKeysWithValues: entries.map { ($0.path.description, $0) })
        #expect(kinds["/etc/old"]?.isWhiteout == true)
        #expect(kinds["/usr/share/doc/a"]?.isWhiteout == true)
        #expect(kinds["/usr/share/doc/b"]?.isOpaque == true)
        #expect(kinds["/etc/hosts"] == nil)
        #expect(entries.allSatisfy { $0.overlayAttributes.isEmpty && $0.modifiedNanoseconds == 0 })
        // The root's mode, owner and attributes are the base's.
        #expect(kinds["/"]?.mode == 0o555)
        #expect(kinds["/"]?.attributes.map(\.name) == ["user.note"])
        #expect(try listing(base.tree) == before)

        let view = try mounted(app, fixture)
        #expect(
            !view.contains {
                $0.hasPrefix("etc/old ") || $0.hasPrefix("usr/share/doc/a ") || $0.hasPrefix("usr/share/doc/b/1 ")
            })
        #expect(view.contains { $0.hasPrefix("usr/share/doc/b/3 ") })
        #expect(view.contains { $0.hasPrefix("usr/bin/web ") && $0.contains("security.capability=") })
        #expect(view.contains { $0.hasPrefix("usr/bin/ping ") && $0.contains(" 711 ") && $0.contains("security.capability=") })
        #expect(view.contains { $0.hasPrefix("etc/hosts ") && $0.contains("3000000:70000") })
    }

    @Test("what an install only touched is left out of the delta")
    func untouched() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let staging = try fixture.store.stage("provision app web")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: base))
        try fixture.shell(
            """
            cd \(merged)
            : >> etc/hosts; chmod 4755 usr/bin/su; echo cache > etc/ld.so.cache; echo hosts > usr/share/doc/a/kept; touch run.pid
            """)
        let rules = DeltaRules(
            removed: [.init("*.pid", why: "running")], rewritten: [.init("etc/ld.so.cache", why: "ldconfig")])
        let app = try fixture.store.commit(staging, rules: rules) { fixture.manifest("web", on: base, $0) }
        let paths = try TreeScanner.scan(app.tree).entries.map(\.path.description)
        // su is one of three links in the base, of which overlayfs copied one: it is not linked in the upper, and the same.
        #expect(
            paths.filter {
                !["/", "/etc", "/usr", "/usr/bin", "/usr/share", "/usr/share/doc", "/usr/share/doc/a"].contains($0)
            }
                == ["/usr/share/doc/a/kept"])
        #expect(try TreeDigest.measure(app.tree).digest == app.digest)
    }

    @Test("a file that is the same as the one below stays where its directory was replaced")
    func sameInOpaque() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let staging = try fixture.store.stage("provision app web")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: base))
        try fixture.shell(
            """
            cd \(merged); cp -a usr/share/doc/b/1 keep; rm -r usr/share/doc/b; mkdir usr/share/doc/b; cp -a keep usr/share/doc/b/1
            rm keep
            """)
        let app = try fixture.store.commit(staging, rules: .none) { fixture.manifest("web", on: base, $0) }
        let view = try mounted(app, fixture)
        #expect(view.contains { $0.hasPrefix("usr/share/doc/b/1 ") })
        #expect(!view.contains { $0.hasPrefix("usr/share/doc/b/2 ") })
    }

    @Test("three layers show as one")
    func three() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let web = try fixture.app(on: base)
        let staging = try fixture.store.stage("provision app shop")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: web))
        try fixture.shell("cd \(merged); rm usr/share/doc/b/3; echo shop > etc/shop; echo back > etc/old")
        let shop = try fixture.store.commit(staging, rules: .none) { fixture.manifest("shop", on: web, $0) }
        let view = try mounted(shop, fixture).map { $0.split(separator: " ")[0] }
        #expect(
            view.contains("etc/shop") && view.contains("etc/old") && view.contains("usr/bin/web") && view.contains("etc/hosts"))
        #expect(!view.contains("usr/share/doc/b/3") && !view.contains("usr/share/doc/b/1"))
    }

    @Test("a mounted layer can't be removed; what was written into the mount goes with it")
    func mount() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let table = MountTable(state: fixture.store.state)
        let place = fixture.path.appending("a view")
        try Files.makeDirectory(place)
        try table.mount(trees: [base.tree], target: "base", layers: ["base"], at: place, writable: true, now: 1)
        defer { umount2(place.string, Int32(MNT_DETACH)) }
        try Files.write("written", to: place.appending("etc/new"))
        #expect(try table.mounts().map(\.directory) == [place])
        let error = refusal { try fixture.store.remove("base") }
        #expect(error?.code == .conflict)
        #expect(error?.causes == ["mounted at: \"\(place)\""])
        #expect(
            refusal {
                try table.mount(trees: [base.tree], target: "base", layers: ["base"], at: place, writable: false, now: 1)
            }?.code == .conflict)
        try table.unmount(place)
        #expect(try TreeDigest.measure(base.tree).digest == base.digest)
        #expect(try Files.names(in: fixture.store.state.appending("mounts")) == ["lock"])

        try table.mount(trees: [base.tree], target: "base", layers: ["base"], at: place, writable: false, now: 1)
        #expect(
            refusal { try Files.write("x", to: place.appending("etc/new")) }?.message.contains("read-only file system") == true)
        // Unmounted behind our back: the next sweep cleans the record.
        try fixture.shell("umount '\(place)'")
        #expect(try fixture.store.sweep().staleMounts == [place])
        #expect(refusal { try table.unmount(place) }?.code == .notFound)
        try fixture.store.remove("base")
    }

    @Test("a clone shares inodes, devices and capabilities too")
    func clone() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let clone = try fixture.store.clone(base, as: "copy", command: "provision base copy")
        #expect(try listing(clone.tree) == listing(base.tree))
        #expect(try TreeDigest.measure(clone.tree).digest == base.digest)
    }

    /// The merged view of a layer, path by path.
    private func mounted(_ layer: Layer, _ fixture: borrowing LayerFixture) throws -> [String] {
        let chain = try fixture.store.chain(of: layer)
        let table = MountTable(state: fixture.store.state)
        let place = fixture.path.appending("view")
        try Files.makeDirectory(place)
        try table.mount(trees: chain.trees, target: layer.name, layers: chain.names, at: place, writable: false, now: 1)
        defer { umount2(place.string, Int32(MNT_DETACH)) }
        return try listing(place).map { String($0.drop { $0 == "/" }) }
    }
}
