internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A place of this process's own for what systemd-nspawn keeps below /run/systemd/nspawn: locks and propagation directories.
///
/// On a host whose /run is no tmpfs nspawn refuses to remove them and says so at every end; killed, it leaves them anywhere.
struct NspawnRuntime: ~Copyable {
    static let directory: FilePath = "/run/systemd/nspawn"
    private let mountPoint: FilePath

    static func prepare() throws(ProvisionError) -> NspawnRuntime {
        // Where no systemd runs, all of /run/systemd may be covered: then nothing at all is made on the host.
        let covering: FilePath =
            !Files.isDirectory(directory) && !SystemdScope.isAvailable && Files.isDirectory("/run/systemd")
            ? "/run/systemd" : directory
        try Files.makeDirectory(covering)
        try mount("tmpfs", at: covering, type: "tmpfs", flags: [.noSetuid, .noDevices], data: "mode=0755")
        let runtime = NspawnRuntime(mountPoint: covering)
        try Files.makeDirectory(directory)
        return runtime
    }

    deinit {
        // It is gone with the mount namespace in any case.
        try? unmount(mountPoint, lazily: true)
    }

    /// Where nspawn reports to.
    static var notifySocket: FilePath { directory.appending("provision-notify") }
}
