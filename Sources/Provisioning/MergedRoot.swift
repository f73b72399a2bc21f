internal import Diagnostics
internal import Layers
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

/// Where an rpm database lies that is there: one of `known` before those that releases use; nil where there is none.
func databasePath(in root: FilePath, known: [String]) throws -> String? {
    let rooted = try RootedDirectory(root)
    for path in known + ["/var/lib/rpm", "/usr/lib/sysimage/rpm"] {
        for file in ["rpmdb.sqlite", "Packages.db", "Packages"] {
            if try rooted.status(String(path.dropFirst()) + "/" + file) != nil { return path }
        }
    }
    return nil
}
