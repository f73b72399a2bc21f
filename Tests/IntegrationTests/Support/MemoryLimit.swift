import Glibc
import System
import SystemPackage

@testable import Containers

/// A cgroup of a test's own (v1 or v2, whichever holds the host's memory controller) in which memory and swap are short.
struct MemoryLimit: ~Copyable {
    private let group: ContainerCgroup
    /// For those who start in it.
    var members: [FileDescriptor] { group.members }

    init(bytes: UInt64) throws {
        var limits = ResourceLimits()
        limits.memory = bytes
        let hierarchies = try CgroupHierarchies.current()
        group = try ContainerCgroup.make(
            "memorytest-\(getpid())", in: hierarchies, limits: try CgroupLimits.current(limits, in: hierarchies))
    }

    /// How many processes the kernel has killed for it.
    var kills: Int {
        get throws {
            let names = ["memory.events", "memory.oom_control"]
            let files = group.directories.flatMap { directory in
                names.flatMap { [directory.appending($0), directory.appending(ContainerCgroup.payload).appending($0)] }
            }.filter(Files.exists)
            guard !files.isEmpty else { throw TestFailure("no cgroup of \(group.directories) tells of memory") }
            return try files.map { file in
                let line = try Files.readText(file).split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
                return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
            }.max() ?? 0
        }
    }

    /// - Throws: where a process is left in it.
    func remove() throws { try group.remove() }
}
