internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
internal import SystemPackage

/// Whether the host passes packets on between its interfaces: switched on while a container needs it, and back after the last.
///
/// A file in /run says what was switched and who needs it, for one network namespace; a user is a process that lives.
enum HostForwarding {
    /// A process that needs it.
    struct User: Codable, Equatable {
        var pid: Int32
        /// As in `MachineRecord.Run`.
        var start: UInt64

        var isAlive: Bool { ProcessStatus(of: pid).map { $0.startTime == start && $0.isAlive } ?? false }
    }

    private struct Record: Codable {
        var users: [User] = []
        /// Files of /proc/sys that were changed, with what they held.
        var previous: [String: String] = [:]
        /// Tables of rules, for kernels that don't remove them with their owner.
        var tables: [String: User] = [:]
    }

    static let directory: FilePath = "/run/provision"

    /// Switches it on for the families of a container's addresses; its table of rules is removed after its end should it still be
    /// there. Returns whether that changed anything on this host.
    @discardableResult
    static func retain(_ user: User, for families: Set<InterfaceAddress.Family>, table: String) throws -> Bool {
        try withRecord { record in
            record.users.append(user)
            record.tables[table] = user
            var changes: [(file: String, value: String)] = []
            if families.contains(.ipv4) { changes.append(("net/ipv4/ip_forward", "1")) }
            if families.contains(.ipv6), try value(of: "net/ipv6/conf/all/forwarding") == "0" {
                // A router takes no route from other routers unless it is told to: this host shall keep its own.
                for interface in try Files.names(in: "/proc/sys/net/ipv6/conf") where !["all", "default"].contains(interface) {
                    let file = "net/ipv6/conf/\(interface)/accept_ra"
                    if try value(of: file) == "1" { changes.append((file, "2")) }
                }
                changes.append(("net/ipv6/conf/all/forwarding", "1"))
            }
            var changed = false
            for (file, value) in changes {
                let old = try self.value(of: file)
                guard old != value else { continue }
                record.previous[file] = record.previous[file] ?? old
                try set(file, to: value)
                changed = true
            }
            return changed
        }
    }

    /// Ends a user's need; what nobody needs any more is switched back.
    static func release(_ user: User) throws {
        guard try concernsUs() else { return }
        try withRecord { record in record.users.removeAll { $0 == user } }
    }

    /// As `release`, for processes that died.
    static func sweep() throws {
        guard try concernsUs() else { return }
        try withRecord { _ in }
    }

    /// Whether there is a record that this process may change: it is root's, and a user's containers have no part in it.
    private static func concernsUs() throws -> Bool {
        try geteuid() == 0 && !PrivateMounts.isInUserNamespace && Files.exists(path())
    }

    private static func withRecord<Result>(_ body: (inout Record) throws -> Result) throws -> Result {
        try Files.makeDirectory(directory)
        let lock = try FileLock.acquire(directory.appending("lock"), words: "forwarding")
        defer { _ = lock.path }
        let path = try path()
        var record = Record()
        if let bytes = try Files.readIfPresent(path) { record = try JSONDecoder().decode(Record.self, from: Data(bytes)) }
        let result = try body(&record)
        record.users.removeAll { !$0.isAlive }
        for (table, user) in record.tables where !record.users.contains(user) {
            FirewallOwner.deleteTable(table)
            record.tables[table] = nil
        }
        guard record.users.isEmpty else {
            try Files.write(Array(try JSONEncoder().encode(record)), to: path)
            return result
        }
        // forwarding itself first: it resets others.
        for (file, value) in record.previous.sorted(by: { $0.key < $1.key }) {
            // An interface that is gone took its settings along.
            if Files.exists(FilePath("/proc/sys").appending(file)) { try set(file, to: value) }
        }
        try Files.remove(path)
        return result
    }

    private static func path() throws(ProvisionError) -> FilePath {
        var status = stat()
        try check(stat("/proc/self/ns/net", &status), "look at", "/proc/self/ns/net")
        return directory.appending("forwarding-\(status.st_ino)")
    }

    private static func value(of file: String) throws(ProvisionError) -> String {
        let bytes = try Files.readIfPresent(FilePath("/proc/sys").appending(file)) ?? []
        return String(decoding: bytes.filter { $0 > 32 }, as: UTF8.self)
    }

    private static func set(_ file: String, to value: String) throws(ProvisionError) {
        let path = FilePath("/proc/sys").appending(file)
        let failure = ContainerCgroup.writeKernelFile(value, to: path)
        guard failure == 0 else { throw systemError("write", path, errno: failure) }
    }
}
