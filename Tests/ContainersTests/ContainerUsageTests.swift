import System
import SystemPackage
import Testing

@testable import Containers

@Suite struct ContainerUsageTests {
    /// cgroup v2's files as Linux 6.1 has them, line ends included.
    @Test("cgroup v2's files tell use and limits") func unified() throws {
        let directory = try TemporaryDirectory()
        for (name, text) in [
            ("memory.current", "2719744\n"), ("memory.max", "67108864\n"), ("pids.current", "3\n"), ("pids.max", "max\n"),
            ("cpu.max", "5000 100000\n"), ("cpu.stat", "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n"),
            ("io.weight", "default 50\n"), ("memory.events", "low 0\noom 1\noom_kill 2\n"), ("pids.events", "max 4\n"),
        ] { try Files.write(text, to: directory.path.appending(name)) }
        let usage = ContainerUsage(cgroups: [directory.path])
        #expect(usage.memory == .init(used: 2_719_744, limit: 67_108_864) && usage.memoryKills == 2)
        #expect(usage.pids == .init(used: 3, limit: nil) && usage.pidsReached)
        #expect(usage.cpus == 0.05 && usage.cpuSeconds == 1.5 && usage.ioWeight == 50)
        try Files.write("max 100000\n", to: directory.path.appending("cpu.max"))
        #expect(ContainerUsage(cgroups: [directory.path]).cpus == nil)
    }
}
