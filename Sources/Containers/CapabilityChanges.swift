public import Diagnostics

/// Capabilities that a container has beyond, or lacks from, systemd-nspawn's default set (capabilities(7)).
public struct CapabilityChanges: Hashable, Sendable {
    public private(set) var added: Set<String> = []
    public private(set) var dropped: Set<String> = []

    public init() {}

    /// Takes `+NET_ADMIN` or `-CAP_SYS_ADMIN` (any case, with or without `CAP_`); `all` means each. The last word about one counts.
    ///
    /// - Throws: `.usage` with the nearest name for an unknown one.
    public mutating func apply(_ text: String) throws(ProvisionError) {
        guard let sign = text.first, "+-".contains(sign) else {
            throw ProvisionError(
                .usage, "\"\(text)\" says neither to add nor to drop a capability",
                hint: "write +\(text) to add it, -\(text) to drop it")
        }
        let word = text.dropFirst().uppercased()
        let name = word.hasPrefix("CAP_") ? String(word.dropFirst(4)) : word
        guard name == "ALL" || CapabilityChanges.names.contains(name) else {
            let near = nearest(to: name, in: CapabilityChanges.names)
            throw ProvisionError(
                .usage, "there is no capability \"\(text.dropFirst())\"",
                hint: near.map { "did you mean \(sign)\($0)?" } ?? "capabilities(7) lists them")
        }
        if name == "ALL" {
            added = sign == "+" ? ["ALL"] : []
            dropped = sign == "-" ? ["ALL"] : []
            return
        }
        added.remove(name)
        dropped.remove(name)
        if sign == "+" { added.insert(name) } else { dropped.insert(name) }
    }

    enum Change { case added, dropped }
    func names(_ change: Change) -> Set<String> {
        let names = change == .added ? added : dropped
        return names.contains("ALL") ? Set(CapabilityChanges.names) : names
    }

    mutating func drop(_ name: String) { dropped.insert(name) }

    /// The set that comes of `defaults` with these changes, for engines that take one.
    func applied(to defaults: [String]) -> [String] {
        CapabilityChanges.names.filter {
            (defaults.contains($0) || names(.added).contains($0)) && !names(.dropped).contains($0)
        }
    }

    /// systemd-nspawn's arguments. `--drop-capability` wins there over `--capability`.
    var arguments: [String] {
        added.sorted().map { "--capability=\(CapabilityChanges.spelled($0))" }
            + dropped.sorted().map { "--drop-capability=\(CapabilityChanges.spelled($0))" }
    }

    private static func spelled(_ name: String) -> String { name == "ALL" ? "all" : "CAP_\(name)" }

    /// Of Linux 5.9 and later; the order is the kernel's.
    static let names = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]
}
