internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// The cgroup that a container's processes live in: one directory in each hierarchy, ours to remove.
///
/// systemd-nspawn makes its `payload` and `supervisor` below its own cgroup. Left in the caller's, two containers would share
/// one payload cgroup, and the directories would stay.
struct ContainerCgroup: ~Copyable {
    let directories: [FilePath]
    /// Open cgroup.procs files, for `ChildProcess.Options.cgroups`.
    let members: [FileDescriptor]

    /// Makes `NAME` below each hierarchy's own cgroup.
    ///
    /// - Throws: `.failed` where the kernel refuses it: a read-only cgroup file system, or no privilege.
    static func make(_ name: String, in hierarchies: CgroupHierarchies) throws(ProvisionError) -> ContainerCgroup {
        var directories: [FilePath] = []
        var members: [FileDescriptor] = []
        do throws(ProvisionError) {
            for hierarchy in hierarchies.hierarchies {
                let directory = hierarchy.directory.appending(name)
                try check(mkdir(directory.string, 0o755), "make the cgroup", directory)
                directories.append(directory)
                let file = directory.appending("cgroup.procs")
                members.append(FileDescriptor(rawValue: try check(open(file.string, O_WRONLY | O_CLOEXEC), "open", file)))
            }
        } catch {
            members.forEach { close($0.rawValue) }
            directories.forEach { rmdir($0.string) }
            throw error
        }
        return ContainerCgroup(directories: directories, members: members)
    }

    deinit { members.forEach { close($0.rawValue) } }

    /// Removes the directories with all that init made below them, waiting a moment for processes that are ending.
    ///
    /// - Throws: `.failed` where one stays: a process is left in it.
    func remove() throws(ProvisionError) { try ContainerCgroup.remove(directories) }

    /// As `remove()`, for what a killed process left; a directory that is gone is fine.
    static func remove(_ directories: [FilePath]) throws(ProvisionError) {
        for directory in directories {
            var attempts = 0
            while true {
                let failure = removeTree(directory)
                if failure == 0 { break }
                attempts += 1
                guard failure == EBUSY, attempts < 100 else {
                    throw systemError("remove the cgroup", directory, errno: failure)
                }
                usleep(20_000)
            }
        }
    }

    /// Deepest first; cgroup directories hold files that can't be unlinked and need not be. Returns 0 or errno.
    private static func removeTree(_ directory: FilePath) -> Int32 {
        guard let stream = opendir(directory.string) else { return errno == ENOENT ? 0 : errno }
        defer { closedir(stream) }
        var worst: Int32 = 0
        while let entry = readdir(stream) {
            guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let failure = removeTree(directory.appending(name))
            if failure != 0 { worst = failure }
        }
        if worst != 0 { return worst }
        return rmdir(directory.string) == 0 || errno == ENOENT ? 0 : errno
    }
}
