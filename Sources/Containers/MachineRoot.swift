internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A container's root file system while it runs, mounted in this process's private mount namespace.
///
/// It lies on a tmpfs over the machine's `mnt` directory, so that systemd-nspawn's lock files and a throwaway upper directory are
/// gone with the namespace, whatever happens.
struct MachineRoot: ~Copyable {
    /// The container's `/`.
    let path: FilePath
    private let mountPoint: FilePath
    /// The open, locked directory where the root is one that is used as it is.
    private let directoryLock: Int32?

    /// What is mounted where: decided first, then done.
    enum Plan: Equatable {
        case bind(FilePath)
        case overlay(lower: [FilePath], upper: FilePath, work: FilePath)
    }

    /// - Parameters:
    ///   - machine: the machine's directory.
    ///   - scratch: a tmpfs.
    static func plan(_ specification: ContainerSpecification, machine: FilePath, scratch: FilePath) -> Plan {
        let keeps = specification.storage == .kept
        let discarded = (upper: scratch.appending("upper"), work: scratch.appending("work"))
        let kept = (upper: machine.appending("upper"), work: machine.appending("work"))
        switch specification.root {
        case .directory(let directory) where keeps && !specification.readOnly: return .bind(directory)
        case .directory(let directory):
            return .overlay(lower: [directory], upper: discarded.upper, work: discarded.work)
        case .layers(let trees) where keeps && !specification.readOnly:
            return .overlay(lower: trees, upper: kept.upper, work: kept.work)
        case .layers(let trees):
            // nspawn makes mount points even in a root that it then shows read-only: they go to the tmpfs. What the machine
            // has changed so far is a layer like the others then.
            return .overlay(lower: (keeps ? [kept.upper] : []) + trees, upper: discarded.upper, work: discarded.work)
        }
    }

    /// - Throws: `.conflict` where a directory is in use by another container.
    static func mount(_ specification: ContainerSpecification, machine: FilePath) throws(ProvisionError) -> MachineRoot {
        let scratch = machine.appending("mnt")
        try Files.makeDirectory(scratch, mode: 0o700)
        var lock: Int32?
        let plan = plan(specification, machine: machine, scratch: scratch)
        if case .bind(let directory) = plan { lock = try lockDirectory(directory) }
        do throws(ProvisionError) {
            try System.mount("tmpfs", at: scratch, type: "tmpfs", data: "mode=0755")
        } catch {
            if let lock { close(lock) }
            throw error
        }
        let root = MachineRoot(path: scratch.appending("root"), mountPoint: scratch, directoryLock: lock)
        try Files.makeDirectory(root.path)
        let map = try specification.userBase.map { base throws(ProvisionError) in try UserMap(base: base) }
        switch plan {
        case .bind(let directory):
            if let map {
                try attach(directory, at: root.path, through: map)
            } else {
                try System.mount(directory.string, at: root.path, flags: [.bind, .recursive])
            }
        case .overlay(var lower, var upper, var work):
            if specification.storage == .kept, case .layers = specification.root {
                try makeUpper(machine.appending("upper"), like: lower.last!)
            }
            try makeUpper(upper, like: lower[0])
            try Files.makeDirectory(work, mode: 0o700)
            if let map {
                for (index, tree) in lower.enumerated() {
                    lower[index] = scratch.appending("lower-\(index)")
                    try attach(tree, at: lower[index], through: map)
                }
                if upper.starts(with: scratch) {
                    var status = stat()
                    try check(stat(upper.string, &status), "look at", upper)
                    try check(
                        chown(upper.string, map.base + status.st_uid, map.base + status.st_gid), "set the owner of", upper)
                } else {
                    // Both on one mount, as overlayfs wants them.
                    let mapped = scratch.appending("machine")
                    try attach(machine, at: mapped, through: map)
                    (upper, work) = (mapped.appending("upper"), mapped.appending("work"))
                }
            }
            do throws(ProvisionError) {
                var overlay = OverlayMount(lower: lower, upper: upper, work: work)
                overlay.owner = specification.userBase
                try overlay.mount(at: root.path)
            } catch {
                guard specification.storage == .kept, !specification.readOnly else { throw error }
                // The kernel says no more than "invalid argument".
                var error = error
                error.hint =
                    error.hint
                    ?? "an overlay or network file system cannot hold a machine's changes: choose another place with --state, or --ephemeral"
                throw error
            }
        }
        // Devices are nspawn's, on a /dev of its own: one in a layer or directory is somebody's way to the host's disks.
        try System.mount("none", at: root.path, flags: [.bind, .remount, .noDevices])
        return root
    }

    private static func attach(
        _ tree: FilePath, at target: FilePath, through map: borrowing UserMap
    ) throws(ProvisionError) {
        try Files.makeDirectory(target)
        let mount = try DetachedMount(cloning: tree)
        try mount.show(through: map)
        try mount.attach(at: target)
    }

    /// A place on the tmpfs, gone with the container.
    func scratch(_ name: String) -> FilePath { mountPoint.appending(name) }

    deinit {
        // With the namespace it would go anyway; a process that goes on shall not keep the layers busy.
        try? unmount(mountPoint, lazily: true)
        if let directoryLock { close(directoryLock) }
    }

    /// The merged root has the upper directory's own mode and owner: they must be those of the layer's.
    private static func makeUpper(_ upper: FilePath, like lower: FilePath) throws(ProvisionError) {
        guard !Files.exists(upper) else { return }
        var status = stat()
        try check(stat(lower.string, &status), "look at", lower)
        try Files.makeDirectory(upper)
        try check(chown(upper.string, status.st_uid, status.st_gid), "set the owner of", upper)
        try check(chmod(upper.string, status.st_mode & 0o7777), "set the mode of", upper)
    }

    private static func lockDirectory(_ directory: FilePath) throws(ProvisionError) -> Int32 {
        let descriptor = try check(open(directory.string, O_DIRECTORY | O_RDONLY | O_CLOEXEC), "open the root", directory)
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
        let number = errno
        close(descriptor)
        guard number == EWOULDBLOCK else { throw systemError("lock", directory, errno: number) }
        throw ProvisionError(
            .conflict, "\"\(directory)\" is in use by another container",
            hint: "wait for its end, or run on a copy that is thrown away: --ephemeral")
    }
}
