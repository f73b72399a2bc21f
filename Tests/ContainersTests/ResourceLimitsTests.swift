import Diagnostics
import SystemPackage
import Testing

@testable import Containers

@Suite struct ResourceLimitsTests {
    private func limits(
        memory: String? = nil, cpus: String? = nil, pids: Int? = nil, ioWeight: Int? = nil
    ) throws(ProvisionError) -> ResourceLimits {
        try ResourceLimits(memory: memory, cpus: cpus, pids: pids, ioWeight: ioWeight)
    }

    private static let v1 = CgroupHierarchies(
        mounts: """
            30 20 0:20 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            31 20 0:21 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
            32 20 0:22 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
            33 20 0:23 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
            34 20 0:24 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
            """, membership: "5:blkio:/\n4:memory:/m\n3:cpu,cpuacct:/c\n2:pids:/\n1:name=systemd:/s\n")
    private static let v2 = CgroupHierarchies(
        mounts: "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", membership: "0::/s\n")
    private static let offered: Set = ["memory", "cpu", "pids", "io"]

    private func plan(
        _ limits: ResourceLimits, _ hierarchies: CgroupHierarchies, unified: Set<String> = [],
        disks: CgroupLimits.Disks = .init()
    ) throws(ProvisionError) -> CgroupLimits {
        try CgroupLimits(limits, hierarchies: hierarchies, unifiedControllers: unified, disks: disks)
    }

    @Test("sizes in bytes or with a unit, processors with a fraction") func parsing() throws {
        #expect(try limits(memory: "512M").memory == 512 << 20)
        #expect(try limits(memory: "2g").memory == 2 << 30)
        #expect(try limits(memory: "8388608").memory == 8 << 20)
        #expect(try limits(cpus: "1.5").milliCPUs == 1500)
        #expect(try limits(cpus: "0.01").milliCPUs == 10)
        #expect(try limits().isEmpty)
    }

    @Test(
        "an amount that can't be meant is refused with one that fits",
        arguments: ["", "M", "-5M", "12Q", "1.5G", "1M", "99999999999T", "0"])
    func badMemory(_ text: String) {
        let error = #expect(throws: ProvisionError.self) { try limits(memory: text) }
        #expect(error?.code == .usage && error?.hint?.contains("M") == true)
    }

    @Test("so are processors and processes", arguments: ["0", "-1", "0.001", "inf", "nan", "1e3", "two", ""])
    func badProcessors(_ text: String) {
        #expect(throws: ProvisionError.self) { try limits(cpus: text) }
        #expect(throws: ProvisionError.self) { try limits(pids: 1) }
        #expect(throws: ProvisionError.self) { try limits(ioWeight: 10001) }
    }

    @Test("cgroup v1: memory before memory and swap together; several controllers in one mount") func legacy() throws {
        let plan = try plan(limits(memory: "64M", cpus: "1.5", pids: 50), Self.v1, disks: .init(swap: true))
        #expect(plan.unified.isEmpty)
        #expect(
            plan.legacy == [
                .init(controller: .memory, file: "memory.limit_in_bytes", value: "67108864"),
                .init(controller: .memory, file: "memory.memsw.limit_in_bytes", value: "67108864"),
                .init(controller: .cpu, file: "cpu.cfs_period_us", value: "100000"),
                .init(controller: .cpu, file: "cpu.cfs_quota_us", value: "150000"),
                .init(controller: .pids, file: "pids.max", value: "50"),
            ])
        #expect(Self.v1.controllers[.cpu] == Self.v1.controllers[.cpuacct])
        #expect(Self.v1.controllers[.memory]?.directory == "/sys/fs/cgroup/memory/m")
    }

    @Test("cgroup v2: no swap beside the memory") func unified() throws {
        let plan = try plan(
            limits(memory: "64M", cpus: "0.5", pids: 50, ioWeight: 200), Self.v2, unified: Self.offered,
            disks: .init(bfq: true, costModel: true))
        #expect(plan.legacy.isEmpty)
        #expect(
            plan.unified.map { "\($0.file)=\($0.value)" } == [
                "memory.max=67108864", "memory.swap.max=0", "cpu.max=50000 100000", "pids.max=50", "io.bfq.weight=109",
                "io.weight=200",
            ])
        // Without swap on the host there is nothing to keep a container from.
        #expect(plan.unified.filter(\.isOptional).map(\.file) == ["memory.swap.max"])
    }

    @Test("a controller that the host lacks, and weights that no disk minds, are errors with a reason") func unenforceable()
        throws
    {
        let missing = #expect(throws: ProvisionError.self) { try plan(limits(pids: 50), Self.v2, unified: ["memory"]) }
        #expect(missing?.code == .unsupported && missing?.message.contains("\"pids\"") == true)
        for (hierarchies, disks) in [(Self.v2, CgroupLimits.Disks()), (Self.v1, CgroupLimits.Disks(costModel: true))] {
            let error = #expect(throws: ProvisionError.self) {
                try plan(limits(ioWeight: 200), hierarchies, unified: Self.offered, disks: disks)
            }
            #expect(error?.code == .unsupported && error?.hint?.contains("bfq") == true)
        }
    }

    @Test("weights keep their default and their ends on bfq's shorter scale") func weights() {
        #expect([1, 50, 100, 101, 200, 10000].map(CgroupLimits.bfqWeight) == [1, 50, 100, 100, 109, 1000])
    }
}
