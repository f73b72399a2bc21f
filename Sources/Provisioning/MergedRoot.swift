internal import Diagnostics
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// The merged view of a target, mounted read-only for as long as something looks at it.
///
/// The process must be in a mount namespace of its own (`PrivateMounts.enter()`).
func withMergedRoot<Result>(_ trees: [FilePath], _ body: (FilePath) throws -> Result) throws -> Result {
    let place = try TemporaryDirectory(prefix: "provision-view")
    try OverlayMount(lower: trees).mount(at: place.path)
    let result: Result
    do { result = try body(place.path) } catch {
        try unmount(place.path, lazily: true)
        throw error
    }
    try unmount(place.path)
    return result
}

/// The rpm database that is there: one at `known` before those where releases have it; nil where there is none.
func installedDatabase(in root: FilePath, known: [String]) throws -> LayerManifest.Database? {
    let rooted = try RootedDirectory(root)
    for path in known + ["/var/lib/rpm", "/usr/lib/sysimage/rpm"] {
        for (file, backend) in [("rpmdb.sqlite", "sqlite"), ("Packages.db", "ndb"), ("Packages", "bdb")] {
            if try rooted.status(String(path.dropFirst()) + "/" + file) != nil { return .init(path: path, backend: backend) }
        }
    }
    return nil
}
