import Diagnostics
import Glibc
import Layers
import Model
import System
import SystemPackage

/// A state directory that goes with the test, and small trees in it. Needs no privilege.
struct Fixture: ~Copyable {
    let directory: TemporaryDirectory
    var path: FilePath { directory.path }
    var store: LayerStore { LayerStore(state: directory.path.appending("state")) }

    init() throws { directory = try TemporaryDirectory(prefix: "layers-test") }

    /// Commits a layer whose tree `fill` makes.
    @discardableResult
    func layer(
        _ name: String, on parent: Layer? = nil, replacing: Bool = false, rules: DeltaRules = .none,
        fill: (FilePath) throws -> Void = { _ in }
    ) throws -> Layer {
        let staging = try store.stage("provision base \(name)")
        try fill(staging.tree)
        return try store.commit(staging, replacing: replacing, rules: rules) { manifest(name, on: parent, $0) }
    }

    func manifest(_ name: String, on parent: Layer? = nil, _ measure: TreeMeasure) -> LayerManifest {
        LayerManifest(
            name: name, kind: parent == nil ? .base : .app, release: "demo", arch: "x86_64",
            parent: parent.map { .init(name: $0.name, digest: $0.digest) }, digest: measure.digest,
            request: sha256(of: "request of \(name)"), command: "provision base \(name)", created: 1_795_000_000,
            database: .init(path: "/var/lib/rpm", backend: "sqlite"), yumConfiguration: "[main]\n", packages: [], patches: [],
            warnings: [], size: measure.size, fileCount: measure.fileCount)
    }

    /// The standard small tree; `reversed` makes its files in another order.
    func fill(_ tree: FilePath, reversed: Bool = false) throws {
        try Files.makeDirectory(tree.appending("etc"))
        try Files.makeDirectory(tree.appending("usr").appending("bin"))
        let files = [("etc/hosts", "127.0.0.1 localhost\n"), ("usr/bin/one", "#!/bin/sh\n"), ("usr/bin/two", "two")]
        for (name, text) in reversed ? files.reversed() : files { try write(text, tree, name) }
        symlink("one", tree.appending("usr/bin/link").string)
        link(tree.appending("usr/bin/two").string, tree.appending("usr/bin/zwei").string)
    }

    func write(_ text: String, _ tree: FilePath, _ name: String) throws {
        try Files.write(text, to: tree.appending(name))
    }
}

/// The error that `body` throws, or nil.
func failure(_ body: () throws -> Void) -> ProvisionError? {
    do {
        try body()
        return nil
    } catch {
        return error as? ProvisionError
    }
}
