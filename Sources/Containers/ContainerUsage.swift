internal import Diagnostics
internal import System
public import SystemPackage

/// What a running container uses and may use at most, as the kernel has it now; nil where its cgroups don't tell.
public struct ContainerUsage: Sendable, Equatable, Encodable {
    /// A figure with the limit that holds for it; nil: none.
    public struct Amount<Value: Encodable & Sendable & Equatable>: Encodable, Sendable, Equatable {
        public var used: Value
        public var limit: Value?
    }

    /// Bytes, page cache included, as the limit counts.
    public var memory: Amount<UInt64>?
    public var pids: Amount<Int>?
    /// Seconds of processor time since its start.
    public var cpuSeconds: Double?
    /// Processors that it may use.
    public var cpus: Double?
    /// nil where it is the default.
    public var ioWeight: Int?
    /// Processes that the kernel killed because the memory limit was reached.
    public var memoryKills: Int?
    /// Whether a process could not be made because of the limit.
    public var pidsReached: Bool

    /// Reads the files of a container's own cgroups, one a hierarchy; what a file doesn't tell is nil.
    public init(cgroups: [FilePath]) {
        let files = KernelFiles(directories: cgroups)
        if let used = files.number("memory.usage_in_bytes") ?? files.number("memory.current") {
            let limit = files.number("memory.limit_in_bytes") ?? files.number("memory.max")
            // v1 says "none" by the largest page-aligned number.
            memory = Amount(used: UInt64(used), limit: limit.flatMap { $0 >= 1 << 62 ? nil : UInt64($0) })
        }
        if let used = files.number("pids.current") { pids = Amount(used: used, limit: files.number("pids.max")) }
        if let nanoseconds = files.number("cpuacct.usage") {
            cpuSeconds = Double(nanoseconds) / 1e9
        } else if let microseconds = files.value("usage_usec", in: "cpu.stat") {
            cpuSeconds = Double(microseconds) / 1e6
        }
        if let quota = files.number("cpu.cfs_quota_us"), let period = files.number("cpu.cfs_period_us"), quota > 0 {
            cpus = Double(quota) / Double(period)
        } else if let words = files.text("cpu.max")?.split(whereSeparator: \.isWhitespace).compactMap({ Double($0) }),
            words.count == 2
        {
            cpus = words[0] / words[1]
        }
        let weight = files.value("default", in: "io.weight") ?? files.number("blkio.bfq.weight")
        ioWeight = weight == 100 ? nil : weight
        // v1 counts where the process was, which may be deeper: see the sum below.
        memoryKills = files.value("oom_kill", in: "memory.events") ?? files.sum("oom_kill", in: "memory.oom_control")
        pidsReached = (files.sum("max", in: "pids.events") ?? 0) > 0
    }
}

/// Files of the kernel's in the first of several directories that has them.
private struct KernelFiles {
    let directories: [FilePath]

    func text(_ name: String) -> String? {
        for directory in directories {
            // A container that ends meanwhile takes its files along: then there is nothing to tell.
            if let bytes = try? Files.readIfPresent(directory.appending(name)) { return String(decoding: bytes, as: UTF8.self) }
        }
        return nil
    }

    /// nil for `max` too.
    func number(_ name: String) -> Int? { text(name).flatMap { Int($0.split(whereSeparator: \.isWhitespace).first ?? "") } }

    /// The value of a line `KEY VALUE`.
    func value(_ key: String, in name: String) -> Int? { text(name).flatMap { KernelFiles.value(key, of: $0) } }

    private static func value(_ key: String, of text: String) -> Int? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == key { return Int(words[1]) }
        }
        return nil
    }

    /// The sum over the tree below, for what is counted only where it happened.
    func sum(_ key: String, in name: String) -> Int? {
        var total: Int?
        var pending = directories
        while let directory = pending.popLast() {
            guard let bytes = try? Files.readIfPresent(directory.appending(name)) else { continue }
            if let value = KernelFiles.value(key, of: String(decoding: bytes, as: UTF8.self)) { total = (total ?? 0) + value }
            for child in (try? Files.names(in: directory)) ?? [] {
                let path = directory.appending(child)
                if Files.isDirectory(path) { pending.append(path) }
            }
        }
        return total
    }
}
