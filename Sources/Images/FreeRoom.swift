internal import Diagnostics
internal import Glibc
internal import Layers
internal import System
internal import SystemPackage

extension LayerStore {
    /// Bytes that are free where the state lies.
    func freeBytes() throws(ProvisionError) -> UInt64 {
        try Files.makeDirectory(state)
        var status = statvfs()
        try check(statvfs(state.string, &status), "look at", state)
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }
}
