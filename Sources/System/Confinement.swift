internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// Privileges of root's, by the numbers of capabilities(7).
public struct CapabilitySet: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    private init(_ number: Int) { self.init(rawValue: 1 << UInt64(number)) }

    public static let changeOwner = CapabilitySet(0)
    public static let overridePermissions = CapabilitySet(1)
    public static let readAndSearch = CapabilitySet(2)
    public static let ownFiles = CapabilitySet(3)
    public static let keepSetID = CapabilitySet(4)
    public static let signal = CapabilitySet(5)
    public static let setGroup = CapabilitySet(6)
    public static let setUser = CapabilitySet(7)
    public static let dropFromBounding = CapabilitySet(8)
    public static let bindLowPorts = CapabilitySet(10)
    public static let changeRoot = CapabilitySet(18)
    public static let administerSystem = CapabilitySet(21)
    public static let makeDevices = CapabilitySet(27)
    public static let setFileCapabilities = CapabilitySet(31)
}

/// What a process gives up for good before it runs programs that it doesn't trust.
public enum Confinement {
    /// Keeps `own` of the capabilities that the calling thread has; programs that it starts get `programs` at most.
    public static func keep(_ own: CapabilitySet, programs: CapabilitySet) throws(ProvisionError) {
        try check(provision_keep_capabilities(own.rawValue, programs.rawValue), "give up", "capabilities")
    }

    /// Sets no_new_privs and a system call filter on all threads, and so on all that they start.
    ///
    /// Refused are: modules, kexec, reboot, clocks, swap, ports, bpf, perf, keyrings, ptrace, user namespaces, sockets of other
    /// families than Unix, IP and netlink, and some more (Sources/CLinux/refused_calls.h). See seccomp(2).
    /// - Returns: what becomes readable when somebody tried one that no program tries by chance, for `nextAttempt`; that program
    ///   waits until then. nil where the kernel has no such thing for us: it is refused all the same.
    public static func refuseCalls() throws(ProvisionError) -> FileDescriptor? {
        var listener: Int32 = -1
        try check(provision_refuse_calls(&listener), "set", "a system call filter")
        return listener >= 0 ? FileDescriptor(rawValue: listener) : nil
    }

    /// Refuses the next attempt and says what it was, as an infinitive: "load a kernel module". nil where the program has gone.
    public static func nextAttempt(_ listener: FileDescriptor) -> String? {
        var what: UnsafePointer<CChar>?
        guard provision_answer_refused_call(listener.rawValue, &what) == 0, let what else { return nil }
        return String(cString: what)
    }

    /// No core files, and no handler of the host's started for them.
    public static func forbidCoreDumps() throws(ProvisionError) {
        try check(provision_forbid_core_dumps(), "limit", "core dumps")
    }

    /// Device files can't be opened by way of the mount at `path`, whoever made them.
    public static func forbidDevices(below path: FilePath) throws(ProvisionError) {
        try check(provision_forbid_devices(path.string), "forbid devices below", path)
    }
}
