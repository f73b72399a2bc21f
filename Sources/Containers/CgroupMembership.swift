public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// The cgroups of a running process, open for others to join: what is started in a running container belongs to its limits too.
public struct CgroupMembership: ~Copyable {
    /// Open cgroup.procs files, for `ChildProcess.Options.cgroups`; valid while this value lives.
    public let members: [FileDescriptor]

    /// The cgroups of `process`, for which a container's PID 1 is right: it is in its limits, and in cgroup v2 in a leaf, where
    /// alone processes may be.
    ///
    /// - Throws: `.notFound` where the process is gone, `.failed` where the kernel refuses access.
    public init(of process: Int32) throws(ProvisionError) {
        let mounts = try Files.readText("/proc/self/mountinfo")
        let hierarchies = CgroupHierarchies(
            mounts: mounts, membership: try Files.readText(FilePath("/proc/\(process)/cgroup")))
        // Where we are in it already there is nothing to join: a hierarchy that only shows figures may be read-only.
        let own = CgroupHierarchies(mounts: mounts, membership: try Files.readText("/proc/self/cgroup"))
        var opened: [FileDescriptor] = []
        var directories = Set((own.hierarchies + own.controllers.values).map(\.directory))
        do throws(ProvisionError) {
            for hierarchy in hierarchies.hierarchies + hierarchies.controllers.values {
                guard directories.insert(hierarchy.directory).inserted else { continue }
                let file = hierarchy.directory.appending("cgroup.procs")
                opened.append(FileDescriptor(rawValue: try check(open(file.string, O_WRONLY | O_CLOEXEC), "open", file)))
            }
        } catch {
            opened.forEach { Glibc.close($0.rawValue) }
            throw error
        }
        members = opened
    }

    deinit { members.forEach { Glibc.close($0.rawValue) } }
}

/// The kernel lets the first process that moves between cgroups wait for all processors, some 10 ms; whoever follows at once waits
/// no more.
public enum CgroupMoves {
    /// Begins that wait beside what the caller does meanwhile: a thread moves this process to the cgroup where it is. Where that
    /// can't be done, or a service manager moves processes about, the move that counts waits itself.
    public static func begin() {
        guard !SystemdScope.isAvailable else { return }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { _ in
                if let directory = try? CgroupHierarchies.current().hierarchies.first?.directory {
                    _ = ContainerCgroup.writeKernelFile("0", to: directory.appending("cgroup.procs"))
                }
                return nil
            }, nil)
        if result == 0 { pthread_detach(thread) }
    }
}
