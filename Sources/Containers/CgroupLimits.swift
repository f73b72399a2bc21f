internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// How limits become files of a container's cgroups: decided here, written by `ContainerCgroup.make`.
///
/// Sources: Documentation/admin-guide/cgroup-v2.rst, and cgroup-v1/memory.rst, pids.rst and block/bfq-iosched.rst of the kernel.
struct CgroupLimits: Equatable {
    /// One value for one file of the container's directory in a hierarchy.
    struct Setting: Equatable {
        var controller: CgroupController
        var file: String
        var value: String
        /// Not every kernel has the file, and nothing is lost without it.
        var isOptional = false
    }

    /// What the host schedules disks by, as far as weights count there.
    struct Disks: Equatable {
        /// A disk whose scheduler is bfq.
        var bfq = false
        /// cgroup v2's cost model, switched on for a disk.
        var costModel = false
        /// Whether the host has swap in use.
        var swap = false
    }

    /// For cgroup v1's hierarchies.
    var legacy: [Setting] = []
    /// For cgroup v2's.
    var unified: [Setting] = []

    /// - Throws: `.unsupported` for a limit that this host can't enforce, with the reason and a remedy.
    init(_ limits: ResourceLimits, hierarchies: CgroupHierarchies, unifiedControllers: Set<String>, disks: Disks)
        throws(ProvisionError)
    {
        func isLegacy(_ controller: CgroupController, _ option: String) throws(ProvisionError) -> Bool {
            if hierarchies.controllers[controller] != nil { return true }
            if unifiedControllers.contains(controller.unifiedName) { return false }
            throw ProvisionError(
                .unsupported, "\(option) cannot be enforced: this host has no cgroup controller \"\(controller.unifiedName)\"",
                hint: "the kernel's command line may switch it off (cgroup_disable=); provision doctor lists what is there")
        }
        if let memory = limits.memory {
            if try isLegacy(.memory, "--memory") {
                // The sum may not be smaller than the memory: memory first.
                legacy += [
                    Setting(controller: .memory, file: "memory.limit_in_bytes", value: "\(memory)"),
                    Setting(
                        controller: .memory, file: "memory.memsw.limit_in_bytes", value: "\(memory)", isOptional: !disks.swap),
                ]
            } else {
                unified += [
                    Setting(controller: .memory, file: "memory.max", value: "\(memory)"),
                    Setting(controller: .memory, file: "memory.swap.max", value: "0", isOptional: !disks.swap),
                ]
            }
        }
        if let milliCPUs = limits.milliCPUs {
            // A period of 100 ms, the kernel's own default: microseconds.
            if try isLegacy(.cpu, "--cpus") {
                legacy += [
                    Setting(controller: .cpu, file: "cpu.cfs_period_us", value: "100000"),
                    Setting(controller: .cpu, file: "cpu.cfs_quota_us", value: "\(milliCPUs * 100)"),
                ]
            } else {
                unified.append(Setting(controller: .cpu, file: "cpu.max", value: "\(milliCPUs * 100) 100000"))
            }
        }
        if let pids = limits.pids {
            let setting = Setting(controller: .pids, file: "pids.max", value: "\(pids)")
            if try isLegacy(.pids, "--pids") { legacy.append(setting) } else { unified.append(setting) }
        }
        if let weight = limits.ioWeight {
            let bfq = "\(CgroupLimits.bfqWeight(weight))"
            let isLegacy = try isLegacy(.blkio, "--io-weight")
            guard disks.bfq || (disks.costModel && !isLegacy) else {
                throw ProvisionError(
                    .unsupported, "--io-weight cannot be enforced: no disk of this host is shared by weights",
                    hint: "give one a scheduler that does: echo bfq > /sys/block/DISK/queue/scheduler")
            }
            if isLegacy {
                legacy.append(Setting(controller: .blkio, file: "blkio.bfq.weight", value: bfq))
            } else {
                if disks.bfq { unified.append(Setting(controller: .blkio, file: "io.bfq.weight", value: bfq)) }
                if disks.costModel { unified.append(Setting(controller: .blkio, file: "io.weight", value: "\(weight)")) }
            }
        }
    }

    /// bfq's scale is 1 to 1000: the two ranges beside the common default of 100 are stretched, as systemd does it.
    static func bfqWeight(_ weight: Int) -> Int { weight <= 100 ? weight : 100 + (weight - 100) * 900 / 9900 }

    /// Looks at this host.
    static func current(_ limits: ResourceLimits, in hierarchies: CgroupHierarchies) throws(ProvisionError) -> CgroupLimits {
        var disks = Disks()
        // Only what is asked for has to be looked up.
        if limits.ioWeight != nil {
            for disk in try Files.names(in: "/sys/block") {
                let scheduler = try Files.readIfPresent(FilePath("/sys/block/\(disk)/queue/scheduler")) ?? []
                if String(decoding: scheduler, as: UTF8.self).contains("[bfq]") { disks.bfq = true }
            }
            if let unified = hierarchies.unified {
                let models = try Files.readIfPresent(unified.mountPoint.appending("io.cost.qos")) ?? []
                disks.costModel = String(decoding: models, as: UTF8.self).contains("enable=1")
            }
        }
        if limits.memory != nil {
            // One line of headings, one for each swap area.
            disks.swap = try Files.readText("/proc/swaps").split(separator: "\n").count > 1
        }
        let decided = try CgroupLimits(
            limits, hierarchies: hierarchies, unifiedControllers: try hierarchies.unifiedControllers(), disks: disks)
        // In a container they often aren't ours to write.
        let places =
            decided.legacy.compactMap { hierarchies.controllers[$0.controller]?.directory }
            + (decided.unified.isEmpty ? [] : [hierarchies.unified?.directory].compactMap { $0 })
        for place in places where access(place.string, W_OK) != 0 {
            throw ProvisionError(
                .unsupported, "the limits cannot be enforced: cannot write in \"\(place)\": \(describe(errno: errno))",
                hint: "this looks like a container: limit it from its host, or have its cgroups mounted writable")
        }
        return decided
    }
}

extension CgroupHierarchies {
    /// What cgroup v2 has to give to cgroups below its mount point.
    func unifiedControllers() throws(ProvisionError) -> Set<String> {
        guard let unified else { return [] }
        let bytes = try Files.readIfPresent(unified.mountPoint.appending("cgroup.controllers")) ?? []
        return Set(String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init))
    }
}
