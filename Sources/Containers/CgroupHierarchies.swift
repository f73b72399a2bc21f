internal import Diagnostics
internal import System
internal import SystemPackage

/// The cgroup hierarchies in which systemd-nspawn tracks a container, and where this process stands in each.
struct CgroupHierarchies: Equatable {
    /// How the host mounts cgroups, in systemd's words.
    enum Layout: String { case unified, hybrid, legacy }

    struct Hierarchy: Equatable {
        var mountPoint: FilePath
        /// Our own cgroup in it, from the mount point on; begins with `/`.
        var ownPath: String

        /// The directory of our own cgroup.
        var directory: FilePath { ownPath == "/" ? mountPoint : FilePath(mountPoint.string + ownPath) }
    }

    /// cgroup v2 first, then v1's `name=systemd`.
    var hierarchies: [Hierarchy]
    var layout: Layout
    /// cgroup v2's, the first of `hierarchies` where it is mounted.
    var unified: Hierarchy?
    /// v1's hierarchies by the controller, of those that limits and figures come from.
    var controllers: [CgroupController: Hierarchy] = [:]

    static func current() throws(ProvisionError) -> CgroupHierarchies {
        CgroupHierarchies(
            mounts: try Files.readText("/proc/self/mountinfo"), membership: try Files.readText("/proc/self/cgroup"))
    }

    /// Reads proc(5)'s mountinfo and cgroup files.
    init(mounts: String, membership: String) {
        var paths: [String: String] = [:]
        for line in membership.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            if fields.count == 3 { paths[fields[1]] = fields[2] }
        }
        var unified: Hierarchy?
        var named: Hierarchy?
        for line in mounts.split(separator: "\n") {
            let halves = line.components(separatedBy: " - ")
            guard halves.count == 2 else { continue }
            let left = halves[0].split(separator: " ").map(String.init)
            let right = halves[1].split(separator: " ").map(String.init)
            guard left.count >= 5, right.count >= 3 else { continue }
            let isUnified = right[0] == "cgroup2"
            guard isUnified || right[0] == "cgroup" else { continue }
            // A container's root, or a mount of somebody's own, may show them a second time.
            guard left[4].hasPrefix("/sys/fs/cgroup") else { continue }
            let options = isUnified ? [""] : right[2].split(separator: ",").map(String.init)
            for option in options {
                guard
                    let path = paths.first(where: {
                        $0.key.split(separator: ",").contains(Substring(option)) || $0.key == option
                    })?.value
                else { continue }
                let hierarchy = Hierarchy(mountPoint: FilePath(left[4]), ownPath: CgroupHierarchies.strip(left[3], from: path))
                if isUnified { unified = unified ?? hierarchy }
                if option == "name=systemd" { named = named ?? hierarchy }
                if let controller = CgroupController(rawValue: option), controllers[controller] == nil {
                    controllers[controller] = hierarchy
                }
            }
        }
        self.unified = unified
        hierarchies = [unified, named].compactMap { $0 }
        layout =
            switch unified?.mountPoint {
            case "/sys/fs/cgroup": .unified
            case nil: .legacy
            default: .hybrid
            }
    }

    /// The mount may show a part of the hierarchy only (its fourth field): what lies above it is not in its paths.
    private static func strip(_ root: String, from path: String) -> String {
        guard root != "/", path == root || path.hasPrefix(root + "/") else { return path }
        let rest = path.dropFirst(root.count)
        return rest.isEmpty ? "/" : String(rest)
    }
}

/// A controller by its name of cgroup v1; v2 calls `blkio` io and counts `cpuacct` with cpu.
enum CgroupController: String, CaseIterable, Sendable {
    case memory, cpu, cpuacct, pids, blkio

    /// Its name in cgroup v2.
    var unifiedName: String {
        switch self {
        case .blkio: "io"
        case .cpuacct: "cpu"
        default: rawValue
        }
    }
}

extension Substring {
    fileprivate func components(separatedBy separator: String) -> [String] {
        guard let range = self.firstRange(of: separator) else { return [String(self)] }
        return [String(self[..<range.lowerBound]), String(self[range.upperBound...])]
    }
}
