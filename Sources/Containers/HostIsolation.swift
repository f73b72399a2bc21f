public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// What the host can do to keep containers apart from it, each thing tried; nothing is left behind.
public enum HostIsolation {
    /// - Throws: `.unsupported` or `.failed` where the kernel makes none.
    public static func userNamespaces() throws(ProvisionError) -> String {
        _ = try UserMap(base: try FreeUsers.base(for: "doctor"))
        return "can be made, with 65536 users each"
    }

    /// The process must be in a mount namespace of its own.
    ///
    /// - Throws: with a hint where the kernel or the file system of `place` can't.
    public static func mappedMounts(in place: FilePath) throws(ProvisionError) -> String {
        let mount = try DetachedMount(cloning: place)
        try mount.show(through: UserMap(base: FreeUsers.base(for: "doctor")))
        return "work in \"\(place)\""
    }

    /// - Throws: `.unsupported` where the kernel was built without them.
    public static func filters() throws(ProvisionError) -> String {
        guard let actions = try Files.readIfPresent("/proc/sys/kernel/seccomp/actions_avail") else {
            throw ProvisionError(
                .unsupported, "the kernel has no seccomp filters", hint: "boot a kernel with CONFIG_SECCOMP_FILTER")
        }
        return "with " + String(decoding: actions, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: ", ")
    }
}
