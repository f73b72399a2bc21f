internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// Mounts that no one else sees: a mount namespace of this process's own, gone when it dies.
public enum PrivateMounts {
    /// Moves this process into a mount namespace of its own. Call it before any thread starts: a namespace belongs to a thread.
    ///
    /// Mounts of the host still appear here (slave propagation); ours never appear there.
    /// - Throws: `.unsupported` without the privilege.
    ///
    /// - Parameter asUser: a caller who isn't root gets a user namespace as well (`isInUserNamespace`).
    public static func enter(asUser: Bool = false) throws(ProvisionError) {
        if asUser, geteuid() != 0 { return try enterAsUser() }
        // A child of such a process is in that namespace from its start.
        if asUser, let map = try Files.readIfPresent("/proc/self/uid_map") {
            isInUserNamespace = String(decoding: map, as: UTF8.self).split(whereSeparator: \.isWhitespace).dropFirst(2) == ["1"]
        }
        guard provision_unshare(PROVISION_CLONE_NEWNS) == 0 else {
            throw ProvisionError(
                .unsupported, "cannot make a mount namespace: \(describe(errno: currentErrno))", hint: "run it as root")
        }
        try check(
            provision_mount(nil, "/", nil, PROVISION_MS_REC | PROVISION_MS_SLAVE, nil), "detach from the host's mounts",
            "/")
    }
}

extension PrivateMounts {
    /// Whether `enter` made a user namespace as well, because this process isn't root: it is root in there, and nobody else is.
    public private(set) nonisolated(unsafe) static var isInUserNamespace = false

    private static func enterAsUser() throws(ProvisionError) {
        guard provision_enter_own_user_namespace() == 0 else {
            throw ProvisionError(
                .unsupported, "cannot make a user namespace: \(describe(errno: currentErrno))",
                hint:
                    "run it as root, or let users make namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone"
            )
        }
        isInUserNamespace = true
        try check(
            provision_mount(nil, "/", nil, PROVISION_MS_REC | PROVISION_MS_SLAVE, nil), "detach from the host's mounts", "/")
    }
}

/// How a file system is mounted.
public struct MountFlags: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let readOnly = MountFlags(rawValue: PROVISION_MS_RDONLY)
    public static let noSetuid = MountFlags(rawValue: PROVISION_MS_NOSUID)
    public static let noDevices = MountFlags(rawValue: PROVISION_MS_NODEV)
    public static let noExecution = MountFlags(rawValue: PROVISION_MS_NOEXEC)
    public static let bind = MountFlags(rawValue: PROVISION_MS_BIND)
    public static let recursive = MountFlags(rawValue: PROVISION_MS_REC)
    public static let remount = MountFlags(rawValue: PROVISION_MS_REMOUNT)
    public static let `private` = MountFlags(rawValue: PROVISION_MS_PRIVATE)
}

/// Mounts `source` of `type` at `target`; see mount(2).
public func mount(
    _ source: String, at target: FilePath, type: String? = nil, flags: MountFlags = [], data: String? = nil
) throws(ProvisionError) {
    let result = target.string.withCString { target in
        source.withCString { source in
            if let data {
                data.withCString { provision_mount(source, target, type, flags.rawValue, $0) }
            } else {
                provision_mount(source, target, type, flags.rawValue, nil)
            }
        }
    }
    try check(result, "mount \(type ?? source) at", target)
}

/// Unmounts; with `lazily` it vanishes at once and is freed when its last user is gone.
public func unmount(_ target: FilePath, lazily: Bool = false) throws(ProvisionError) {
    let flags = (lazily ? PROVISION_MNT_DETACH : 0) | PROVISION_UMOUNT_NOFOLLOW
    try check(provision_unmount(target.string, flags), "unmount", target)
}

/// One overlayfs: what it shows and where changes go.
public struct OverlayMount: Sendable {
    /// Topmost first; at least one.
    public var lower: [FilePath]
    /// nil mounts it read-only.
    public var upper: FilePath?
    /// On the same file system as `upper`, empty.
    public var work: FilePath?
    /// Who root of the layers is on the host, where they are id-mapped mounts.
    public var owner: UInt32?

    public init(lower: [FilePath], upper: FilePath? = nil, work: FilePath? = nil) {
        self.lower = lower
        self.upper = upper
        self.work = work
    }

    /// Mounts it at `target` (an existing directory).
    ///
    /// A single lower directory without an upper is a read-only bind mount: overlayfs wants two. Metadata-only copies and
    /// directory redirects are off, so that an upper stays readable as a plain delta; redirects in a layer from elsewhere
    /// are not followed.
    public func mount(at target: FilePath) throws(ProvisionError) {
        if upper == nil, lower.count == 1 {
            try System.mount(lower[0].string, at: target, flags: [.bind])
            try System.mount("none", at: target, flags: [.bind, .remount, .readOnly])
            return
        }
        var options = ["lowerdir=" + lower.map { escaped($0) }.joined(separator: ":")]
        if let upper, let work { options += ["upperdir=\(escaped(upper))", "workdir=\(escaped(work))"] }
        options += ["redirect_dir=nofollow", "metacopy=off", "index=off", "xino=off"]
        // In a user namespace the trusted attributes are out of reach.
        if PrivateMounts.isInUserNamespace { options.append("userxattr") }
        let data = options.joined(separator: ",")
        guard let owner else {
            try System.mount("overlay", at: target, type: "overlay", flags: upper == nil ? [.readOnly] : [], data: data)
            return
        }
        // What overlayfs makes for itself, now and at each copy up, belongs to who mounts it: that one must have a number in
        // the layers' map.
        try withFilesOwned(by: owner) { () throws(ProvisionError) in
            try System.mount("overlay", at: target, type: "overlay", data: data)
        }
    }

    /// overlayfs splits at `:` and `,` and unescapes backslashes.
    private func escaped(_ path: FilePath) -> String {
        path.string.flatMap { ":,\\".contains($0) ? "\\\($0)" : "\($0)" }.map(String.init).joined()
    }
}
