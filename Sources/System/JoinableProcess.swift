internal import CLinux
public import Diagnostics
internal import Glibc
internal import SystemPackage

/// Who a program runs as: numbers of the user namespace that it runs in.
public struct ProcessIdentity: Sendable, Equatable {
    public var user: UInt32
    public var group: UInt32
    /// All groups, `group` among them.
    public var groups: [UInt32]

    public init(user: UInt32 = 0, group: UInt32 = 0, groups: [UInt32] = [0]) {
        self.user = user
        self.group = group
        self.groups = groups
    }
}

/// A process whose namespaces, root directory and restraints another program can take on: its bounding set, no_new_privs, and
/// its seccomp filters, which are copied from the kernel (ptrace(2), PTRACE_SECCOMP_GET_FILTER).
///
/// The process may end at any time; joining it fails then.
public final class JoinableProcess: Sendable {
    public let pid: Int32
    let root: Int32
    private let process: Int32
    private let pidNamespace: Int32?
    private let namespaces: Int32
    private let bounding: UInt64
    private let forbidsNewPrivileges: Bool
    private let filters: [[UInt64]]

    private static let kinds: [(name: String, flag: Int32)] = [
        ("user", PROVISION_CLONE_NEWUSER), ("mnt", PROVISION_CLONE_NEWNS), ("ipc", PROVISION_CLONE_NEWIPC),
        ("uts", PROVISION_CLONE_NEWUTS), ("net", PROVISION_CLONE_NEWNET), ("cgroup", PROVISION_CLONE_NEWCGROUP),
    ]

    /// Looks at a process that must be stopped for a moment where it has seccomp filters.
    ///
    /// - Throws: `.conflict` where it has ended meanwhile, `.unsupported` where the kernel (before 5.8, or without
    ///   CONFIG_CHECKPOINT_RESTORE) doesn't tell its filters.
    public init(_ pid: Int32) throws(ProvisionError) {
        let process = provision_pidfd_open(pid)
        guard process >= 0 else { throw JoinableProcess.gone(pid) }
        do throws(ProvisionError) {
            let status = try JoinableProcess.status(of: pid)
            var namespaces: Int32 = 0
            for kind in JoinableProcess.kinds
            where try JoinableProcess.namespace(kind.name, of: "\(pid)") != JoinableProcess.namespace(kind.name, of: "self") {
                namespaces |= kind.flag
            }
            let ownPids = try JoinableProcess.namespace("pid", of: "\(pid)") == JoinableProcess.namespace("pid", of: "self")
            let filters = status["Seccomp"] == "2" ? try JoinableProcess.filters(of: pid) : []
            let root = try check(
                open("/proc/\(pid)/root", PROVISION_O_PATH | O_DIRECTORY | O_CLOEXEC), "open the root of process", "\(pid)")
            if ownPids {
                pidNamespace = nil
            } else {
                do throws(ProvisionError) {
                    pidNamespace = try check(
                        open("/proc/\(pid)/ns/pid", O_RDONLY | O_CLOEXEC), "open the pid namespace of process", "\(pid)")
                } catch {
                    close(root)
                    throw error
                }
            }
            self.filters = filters
            self.root = root
            self.namespaces = namespaces
            bounding = UInt64(status["CapBnd"] ?? "", radix: 16) ?? 0
            forbidsNewPrivileges = status["NoNewPrivs"] == "1"
        } catch {
            close(process)
            throw error
        }
        self.process = process
        self.pid = pid
    }

    deinit {
        close(process)
        close(root)
        if let pidNamespace { close(pidNamespace) }
    }

    /// For `provision_spawn`; valid during the call.
    func withDescription<Result>(
        as identity: ProcessIdentity, _ body: (UnsafePointer<provision_joining>) -> Result
    ) -> Result {
        let copies = filters.map { filter in
            let copy = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: filter.count)
            _ = copy.initialize(from: filter)
            return copy
        }
        defer { copies.forEach { $0.deallocate() } }
        let programs = copies.map { provision_filter(length: UInt16($0.count), instructions: UnsafePointer($0.baseAddress)) }
        return programs.withUnsafeBufferPointer { programs in
            identity.groups.withUnsafeBufferPointer { groups in
                var joining = provision_joining()
                joining.process = process
                joining.namespaces = namespaces
                joining.pid_namespace = pidNamespace ?? -1
                joining.root = root
                joining.bounding = bounding
                joining.no_new_privileges = forbidsNewPrivileges ? 1 : 0
                joining.filters = programs.baseAddress
                joining.filter_count = Int32(programs.count)
                joining.user = identity.user
                joining.group = identity.group
                joining.groups = groups.baseAddress
                joining.group_count = Int32(groups.count)
                return body(&joining)
            }
        }
    }

    // MARK: - What the kernel tells

    private static func gone(_ pid: Int32) -> ProvisionError {
        ProvisionError(.conflict, "the container's process \(pid) has ended")
    }

    private static func status(of pid: Int32) throws(ProvisionError) -> [String: String] {
        guard let bytes = try Files.readIfPresent(FilePath("/proc/\(pid)/status")) else { throw gone(pid) }
        var fields: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...].drop(while: \.isWhitespace))
        }
        return fields
    }

    private static func namespace(_ kind: String, of process: String) throws(ProvisionError) -> String {
        let path = "/proc/\(process)/ns/\(kind)"
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = try check(readlink(path, &buffer, buffer.count), "read", path)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The oldest first. The process is stopped for some microseconds; to it nothing happens but a system call begun again.
    private static func filters(of pid: Int32) throws(ProvisionError) -> [[UInt64]] {
        let signal = provision_trace(pid)
        if signal < 0, errno == ESRCH { throw gone(pid) }
        try check(signal, "look into process", "\(pid)")
        defer { _ = provision_untrace(pid, signal) }
        var result: [[UInt64]] = []
        while true {
            let length = provision_read_filter(pid, UInt32(result.count), nil)
            if length < 0, errno == ENOENT { return result.reversed() }
            guard length >= 0 else {
                throw ProvisionError(
                    .unsupported, "cannot read the seccomp filters of process \(pid): \(describe(errno: currentErrno))",
                    hint:
                        "this takes root outside of any container's seccomp filter, and a kernel with CONFIG_CHECKPOINT_RESTORE"
                )
            }
            var filter = [UInt64](repeating: 0, count: Int(length))
            try check(provision_read_filter(pid, UInt32(result.count), &filter), "read a seccomp filter of process", "\(pid)")
            result.append(filter)
        }
    }
}
