internal import CLinux

/// A device's major and minor number. A character device 0:0 is how overlayfs marks what an upper layer removes.
public struct DeviceNumber: Sendable, Hashable {
    public var major: UInt32
    public var minor: UInt32

    public init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    /// From `st_rdev`.
    public init(raw: UInt) {
        major = provision_major(UInt64(raw))
        minor = provision_minor(UInt64(raw))
    }

    /// As mknod(2) takes it.
    public var raw: UInt { UInt(provision_makedev(major, minor)) }
}
