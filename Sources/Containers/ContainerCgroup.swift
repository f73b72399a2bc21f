internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// The cgroup that a container's processes live in: one directory in each hierarchy, ours to remove.
///
/// systemd-nspawn makes its `payload` and `supervisor` below its own cgroup where systemd tracks. Left in the caller's, two
/// containers would share one payload cgroup, and the directories would stay. In v1's hierarchies of controllers the payload is
/// ours to make. So limits stand one level above what the container sees of its cgroups, and it can't lift them.
struct ContainerCgroup: ~Copyable {
    let directories: [FilePath]
    /// Open cgroup.procs files, for `ChildProcess.Options.cgroups`.
    let members: [FileDescriptor]

    /// The directory in a v1 hierarchy that the container takes for its root.
    static let payload = "payload"

    /// Makes `NAME` in each hierarchy, with its limits: below our own cgroup, or at the top of cgroup v2 where ours has processes
    /// and so can't hand its controllers on.
    ///
    /// A controller that no limit needs is for figures only: done without where the kernel refuses it.
    ///
    /// - Throws: `.failed` where the kernel refuses it: a read-only cgroup file system, or no privilege; `.unsupported` where a
    ///   limit can't be enforced.
    static func make(
        _ name: String, in hierarchies: CgroupHierarchies, limits: CgroupLimits? = nil
    ) throws(ProvisionError) -> ContainerCgroup {
        var directories: [FilePath] = []
        var members: [FileDescriptor] = []
        func join(_ directory: FilePath) throws(ProvisionError) {
            let file = directory.appending("cgroup.procs")
            members.append(FileDescriptor(rawValue: try check(open(file.string, O_WRONLY | O_CLOEXEC), "open", file)))
        }
        do throws(ProvisionError) {
            for hierarchy in hierarchies.hierarchies {
                var parent = hierarchy.directory
                if hierarchy == hierarchies.unified { parent = try delegate(in: hierarchy, for: limits?.unified ?? []) }
                let directory = parent.appending(name)
                guard makeOwn(directory) else { throw systemError("make the cgroup", directory) }
                directories.append(directory)
                if hierarchy == hierarchies.unified { try apply(limits?.unified ?? [], in: directory) }
                try join(directory)
            }
            var mounted: Set<FilePath> = []
            for controller in CgroupController.allCases {
                guard let hierarchy = hierarchies.controllers[controller], mounted.insert(hierarchy.mountPoint).inserted else {
                    continue
                }
                let settings = (limits?.legacy ?? []).filter { hierarchies.controllers[$0.controller] == hierarchy }
                let directory = hierarchy.directory.appending(name)
                guard makeOwn(directory) else {
                    if settings.isEmpty { continue }
                    throw systemError("make the cgroup", directory)
                }
                directories.append(directory)
                try apply(settings, in: directory)
                let payload = directory.appending(ContainerCgroup.payload)
                try check(mkdir(payload.string, 0o755), "make the cgroup", payload)
                try join(payload)
            }
        } catch {
            members.forEach { close($0.rawValue) }
            directories.forEach { _ = removeTree($0) }
            throw error
        }
        return ContainerCgroup(directories: directories, members: members)
    }

    /// Makes it, in place of one that a killed process with our number left; false, with errno, where that isn't to be had.
    private static func makeOwn(_ directory: FilePath) -> Bool {
        if mkdir(directory.string, 0o755) == 0 { return true }
        guard errno == EEXIST else { return false }
        errno = removeTree(directory)
        return errno == 0 && mkdir(directory.string, 0o755) == 0
    }

    /// Every directory that `make` may make, for a record that is written before: a killed process leaves nothing unknown.
    static func candidates(_ name: String, in hierarchies: CgroupHierarchies) -> [FilePath] {
        var parents = hierarchies.hierarchies.map(\.directory)
        if let unified = hierarchies.unified { parents.append(unified.mountPoint) }
        parents += hierarchies.controllers.values.map(\.directory)
        return Set(parents).map { $0.appending(name) }.sorted { $0.string < $1.string }
    }

    /// The directory of cgroup v2 whose children may have controllers of their own; the wanted ones are handed on there.
    private static func delegate(
        in hierarchy: CgroupHierarchies.Hierarchy, for settings: [CgroupLimits.Setting]
    ) throws(ProvisionError) -> FilePath {
        let wanted = Set(settings.map(\.controller.unifiedName)).sorted()
        let own = hierarchy.directory
        for directory in own == hierarchy.mountPoint ? [own] : [own, hierarchy.mountPoint] {
            let control = directory.appending("cgroup.subtree_control")
            // For figures, where it costs nothing to ask.
            for name in ["memory", "pids", "cpu"] where !wanted.contains(name) { _ = writeKernelFile("+\(name)", to: control) }
            if wanted.allSatisfy({ writeKernelFile("+\($0)", to: control) == 0 }) { return directory }
        }
        throw ProvisionError(
            .unsupported, "the limits cannot be enforced: cgroup v2 hands no controller on from \"\(own)\"",
            hint: "there are processes in it: start provision by a service manager that gives it a cgroup of its own")
    }

    private static func apply(_ settings: [CgroupLimits.Setting], in directory: FilePath) throws(ProvisionError) {
        for setting in settings {
            let file = directory.appending(setting.file)
            if setting.isOptional, !Files.exists(file) { continue }
            let failure = writeKernelFile(setting.value, to: file)
            guard failure == 0 else {
                throw ProvisionError(
                    .unsupported,
                    "a limit cannot be enforced: cannot write \(setting.value) to \"\(file)\": \(describe(errno: failure))",
                    hint: setting.file.contains("memsw") ? "boot the host with swapaccount=1" : nil)
            }
        }
    }

    /// Returns 0 or errno.
    static func writeKernelFile(_ text: String, to file: FilePath) -> Int32 {
        let descriptor = open(file.string, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return write(descriptor, text, text.utf8.count) >= 0 ? 0 : errno
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
