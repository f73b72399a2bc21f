import SystemPackage
import Testing

@testable import Containers

@Suite struct CgroupHierarchiesTests {
    @Test("a host with cgroup v2 only") func unified() {
        let found = CgroupHierarchies(
            mounts: "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
            membership: "0::/user.slice/session-1.scope\n")
        #expect(found.layout == .unified)
        #expect(found.hierarchies.map(\.directory.string) == ["/sys/fs/cgroup/user.slice/session-1.scope"])
    }

    @Test("a hybrid host: both hierarchies that systemd tracks by, none of the controllers'") func hybrid() {
        let found = CgroupHierarchies(
            mounts: """
                31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
                32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
                33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
                """,
            membership: "4:memory:/x\n1:name=systemd:/\n0::/\n")
        #expect(found.layout == .hybrid)
        #expect(found.hierarchies.map(\.directory.string) == ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"])
    }

    @Test("in a container whose mount shows a part of the hierarchy, paths begin there") func part() {
        let found = CgroupHierarchies(
            mounts: "30 20 0:26 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", membership: "0::/docker/ab/c\n")
        #expect(found.hierarchies.map(\.directory.string) == ["/sys/fs/cgroup/c"])
    }

    @Test("v1 alone, and a second view of the hierarchy somewhere else that doesn't count") func legacy() {
        let found = CgroupHierarchies(
            mounts: """
                32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
                33 30 0:29 / /srv/root/sys/fs/cgroup rw - cgroup2 cgroup2 rw
                """, membership: "1:name=systemd:/a\n0::/\n")
        #expect(found.layout == .legacy)
        #expect(found.hierarchies.count == 1)
    }
}
