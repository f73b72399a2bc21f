public import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// The host's control groups, for a report about the host.
public struct HostCgroups: Sendable {
    /// `unified` (v2 only), `hybrid` or `legacy`, in systemd's words.
    public let layout: String
    /// Controllers that the kernel offers in any hierarchy, by name.
    public let controllers: [String]

    /// Looks, and makes and removes a cgroup as a container's start does (on hosts with systemd, that one makes them for us).
    ///
    /// - Throws: `.unsupported` where no hierarchy is mounted or busctl is missing, `.failed` where the kernel refuses a cgroup.
    public static func probe() throws(ProvisionError) -> HostCgroups {
        let current = try CgroupHierarchies.current()
        guard !current.hierarchies.isEmpty else {
            throw ProvisionError(
                .unsupported, "no cgroup hierarchy for containers is mounted at /sys/fs/cgroup",
                hint: "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        }
        if SystemdScope.isAvailable {
            try SystemdScope.probe()
        } else {
            try ContainerCgroup.make("provisiondoctor-\(getpid())", in: current).remove()
        }
        var controllers: Set<String> = []
        for line in try Files.readText("/proc/self/cgroup").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            if fields.count == 3 { controllers.formUnion(fields[1].split(separator: ",").map(String.init)) }
        }
        controllers.formUnion(try current.unifiedControllers())
        return HostCgroups(
            layout: current.layout.rawValue, controllers: controllers.filter { !$0.hasPrefix("name=") }.sorted())
    }
}
