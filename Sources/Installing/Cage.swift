internal import CRpm
internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// The small world that librpm and the scriptlets live in: a file system in memory with the staged root in it, and no host.
///
/// The process must be the first of new mount, pid, ipc, uts and network namespaces. After `init` its root directory is the
/// small world: a scriptlet that breaks out of its chroot finds an empty /etc, not the host's files.
///
/// /proc, /sys, /dev, /run and /tmp are mounted over the root's own directories while a scriptlet runs and only then. rpm therefore
/// lays the files of packages that own them (`filesystem` has /proc, /sys and /dev) as in any other directory: the tree is the
/// one that rpm makes without mounts, and there is nothing to repair afterwards. /proc, /sys and /dev are read-only; /run and
/// /tmp are one each for the whole transaction, and end with it.
///
/// Devices can be opened in that /dev and nowhere else: a block device that a package or a scriptlet makes is of no use.
final class Cage {
    /// Where the staged root is in the small world.
    static let root = "/root"
    private static let mountPoints = ["/dev", "/proc", "/sys", "/tmp", "/run"]
    /// What programs of scriptlets can have of root's privileges: those over files, users, and processes.
    private static let scriptletCapabilities: CapabilitySet = [
        .changeOwner, .overridePermissions, .readAndSearch, .ownFiles, .keepSetID, .signal, .setGroup, .setUser,
        .dropFromBounding, .bindLowPorts, .changeRoot, .makeDevices, .setFileCapabilities,
    ]

    /// The small world's own mounts, which scriptlets get copies of; in the order of `mountPoints`.
    private let templates: [FileDescriptor]
    private var made: [String] = []
    private var attached: [String] = []

    /// Leaves the host for the small world.
    ///
    /// `tree` is the root's mount, attached nowhere, and `root` its path on the host, where there needn't be more than a directory.
    /// All of the host's mounts are read-only by then, so that a scriptlet can't write to a file that this process has open
    /// by way of /proc/1/fd either.
    init(root: FilePath, tree: FileDescriptor) throws {
        let tree = DetachedMount(taking: tree)
        try mount("none", at: "/", flags: [.recursive, .private])
        try makeAllMountsReadOnly()
        // The root's own directory is the one place that surely exists to mount something on.
        try mount("tmpfs", at: root, type: "tmpfs", flags: [.noSetuid], data: "mode=0755")
        for name in ["dev", "proc", "sys", "tmp", "run", "etc", "root"] {
            try Files.makeDirectory(root.appending(name))
        }
        // Users are looked up in the root's own files, by no module that the root might bring along.
        try Files.write("passwd: files\ngroup: files\n", to: root.appending("etc/nsswitch.conf"))
        try tree.attach(at: root.appending("root"))
        try mount("none", at: root.appending("root"), flags: [.private])
        try Confinement.forbidDevices(below: root.appending("root"))
        let inert: MountFlags = [.noSetuid, .noDevices, .noExecution]
        try mount("proc", at: root.appending("proc"), type: "proc", flags: inert.union(.readOnly))
        try mount("sysfs", at: root.appending("sys"), type: "sysfs", flags: inert.union(.readOnly))
        try mount(
            "tmpfs", at: root.appending("run"), type: "tmpfs", flags: [.noSetuid, .noDevices], data: "mode=0755,size=64m")
        try mount(
            "tmpfs", at: root.appending("tmp"), type: "tmpfs", flags: [.noSetuid, .noDevices], data: "mode=1777,size=512m")
        try Cage.makeDevices(at: root.appending("dev"))
        try switchRoot(to: root)
        templates = try Cage.mountPoints.map { path throws in
            FileDescriptor(rawValue: try check(open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC), "open", path))
        }
        try limitProcess()
    }

    /// Puts /dev, /proc and /sys into the root that this process is chrooted in. rpm does that just before a scriptlet.
    ///
    /// A mount point that is missing is made for the time; one that is not a directory is left alone.
    func attach() throws {
        for (path, template) in zip(Cage.mountPoints, templates) {
            if mkdir(path, 0o755) == 0 {
                made.append(path)
            } else if !isPlainDirectory(path) {
                continue
            }
            // Directories that packages have in /run are there, as after a boot.
            if path == "/run" { try mirrorDirectories(of: FilePath(path), in: template) }
            try DetachedMount(cloning: template, recursive: true).attach(at: FilePath(path))
            attached.append(path)
        }
    }

    /// Takes away what `attach` put there; processes that a scriptlet left behind keep what they use.
    func detach() throws {
        for path in attached { try unmount(FilePath(path), lazily: true) }
        for path in made { try check(rmdir(path), "remove", path) }
        attached = []
        made = []
    }

    /// For ever: gives up what neither rpm nor a scriptlet needs; `Confinement.refuseCalls` has what it returns.
    ///
    /// Only this process may mount, which it does for scriptlets; what it starts may not.
    static func confine() throws(ProvisionError) -> FileDescriptor? {
        try Confinement.forbidCoreDumps()
        try Confinement.keep(scriptletCapabilities.union(.administerSystem), programs: scriptletCapabilities)
        return try Confinement.refuseCalls()
    }

    /// For ever: from here on this process sees the staged root as its own, as after the last chroot of rpm's.
    func enterRoot() throws {
        try check(chroot(Cage.root), "change the root to", Cage.root)
        try check(chdir("/"), "enter", "/")
    }

    private func isPlainDirectory(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes the directories below `source` in `target` too, with their owners and modes; links aren't followed, and what is there stays.
    private func mirrorDirectories(of source: FilePath, in target: FileDescriptor) throws {
        for name in try Files.names(in: source) {
            let path = source.appending(name)
            if isPlainDirectory(path.string) { try mirrorDirectory(path, as: name, in: target) }
        }
    }

    private func mirrorDirectory(_ path: FilePath, as name: String, in target: FileDescriptor) throws {
        var status = stat()
        try check(lstat(path.string, &status), "look at", path)
        let mode = status.st_mode & 0o7777
        if mkdirat(target.rawValue, name, mode) == 0 {
            let owned = fchownat(target.rawValue, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW)
            try check(owned, "set the owner of", path)
            try check(fchmodat(target.rawValue, name, mode, 0), "set the mode of", path)
        }
        let opened = openat(target.rawValue, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC)
        // A scriptlet may have put something else there.
        if opened < 0 { return }
        defer { close(opened) }
        try mirrorDirectories(of: path, in: FileDescriptor(rawValue: opened))
    }

    /// A /dev with what programs expect everywhere, and nothing of the host's.
    private static func makeDevices(at path: FilePath) throws {
        try mount("tmpfs", at: path, type: "tmpfs", flags: [.noSetuid, .noExecution], data: "mode=0755,size=1m")
        let nodes: [(name: String, major: UInt32, minor: UInt32)] = [
            ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ]
        for node in nodes {
            let file = path.appending(node.name)
            try check(
                mknod(file.string, S_IFCHR | 0o666, deviceNumber(major: node.major, minor: node.minor)), "make the device", file
            )
            try check(chmod(file.string, 0o666), "set the mode of", file)
        }
        let links = [
            "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
            "ptmx": "pts/ptmx",
        ]
        for (name, target) in links {
            try check(symlink(target, path.appending(name).string), "make the link", path.appending(name))
        }
        try Files.makeDirectory(path.appending("pts"))
        try mount(
            "devpts", at: path.appending("pts"), type: "devpts", flags: [.noSetuid, .noExecution],
            data: "newinstance,ptmxmode=0666,mode=0620,gid=5")
        try Files.makeDirectory(path.appending("shm"))
        try mount(
            "tmpfs", at: path.appending("shm"), type: "tmpfs", flags: [.noSetuid, .noDevices, .noExecution],
            data: "mode=1777,size=64m")
        // Devices stay writable; nothing else can be made beside them.
        try mount("none", at: path, flags: [.bind, .remount, .readOnly, .noSetuid, .noExecution])
    }

    /// The process's own settings: the file mode mask that rpm sets too, and a name that isn't the host's.
    private func limitProcess() throws {
        umask(0o022)
        let name = "localhost"
        try check(sethostname(name, name.utf8.count), "set the host name to", name)
    }
}
