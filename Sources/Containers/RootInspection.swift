internal import Diagnostics
internal import System
internal import SystemPackage

/// What a root holds, as far as it decides whether and how a container of it can start.
struct RootInspection {
    /// What /sbin/init is.
    struct Initialization: Equatable {
        enum Kind: Equatable { case systemd, busybox, other }
        var kind: Kind
        /// nil where it isn't systemd, or is one older than 231 (no version in a file's name).
        var systemdVersion: Int?

        /// The signal that makes it shut the system down in order: systemd(1), busybox's init/init.c.
        var shutdownSignal: String { kind == .busybox ? "SIGUSR2" : "SIGRTMIN+3" }
    }

    /// nil where the root has no /sbin/init.
    var initialization: Initialization?
    var hasRelease: Bool
    var hasGetent: Bool
    let path: FilePath

    init(_ path: FilePath) throws(ProvisionError) {
        let root = try RootedDirectory(path)
        self.path = path
        let releases = [try root.read("/etc/os-release"), try root.read("/usr/lib/os-release")]
        hasRelease = releases.contains { $0 != nil }
        hasGetent = try RootInspection.find("getent", in: root)
        initialization = try RootInspection.initialization(of: root)
    }

    /// Refuses what systemd-nspawn, or the container's start, would stumble over with fewer words.
    ///
    /// - Throws: `.failed` or `.notFound` with a hint.
    func check(_ specification: ContainerSpecification) throws(ProvisionError) {
        guard hasRelease else {
            var shown = path
            if case .directory(let directory) = specification.root { shown = directory }
            throw ProvisionError(
                .failed, "\"\(shown)\" holds no operating system: there is neither etc/os-release nor usr/lib/os-release in it",
                hint: "an empty file is enough for systemd-nspawn: touch etc/os-release in the root")
        }
        switch specification.mode {
        case .boot:
            guard initialization != nil else {
                throw ProvisionError(
                    .failed, "the root of \"\(specification.machine)\" has no /sbin/init",
                    hint: "install systemd in it, or start one command: provision run TARGET -- COMMAND")
            }
        case .run(let command):
            if let user = specification.user, user != "root", !hasGetent, specification.engine == .nspawn {
                throw ProvisionError(
                    .failed, "cannot find the user \"\(user)\": the root of \"\(specification.machine)\" has no getent program",
                    hint: "systemd-nspawn asks it (glibc's packages hold it); --engine crun does without")
            }
            // A bind mount may bring the program along: then the container tells.
            guard specification.binds.isEmpty, let program = command.first else { return }
            guard try RootInspection.find(program, in: RootedDirectory(path)) else {
                throw ProvisionError(
                    .notFound, "there is no program \"\(program)\" in the root of \"\(specification.machine)\"",
                    hint: program.contains("/") ? nil : "looked for on the container's PATH; a path needs a leading slash")
            }
        }
    }

    func bootsSystemd(_ specification: ContainerSpecification) -> Bool {
        specification.mode == .boot && initialization?.kind == .systemd
    }

    /// Why the root is not expected to boot on this host; nil where nothing speaks against it.
    func bootWarning(cgroups: CgroupHierarchies.Layout) -> (text: String, hint: String)? {
        guard let initialization, initialization.kind == .systemd else { return nil }
        // 231 is the first whose library carries its version; support for a host without cgroup v1 came at the same time.
        if initialization.systemdVersion == nil, cgroups == .unified {
            return (
                "the root's systemd is older than 231 and does not boot on this host, which has cgroup v2 only",
                "start one command with `run`, or boot the host with systemd.unified_cgroup_hierarchy=0"
            )
        }
        if let version = initialization.systemdVersion, version >= 256, cgroups == .legacy {
            return (
                "the root's systemd \(version) does not boot on this host, which has cgroup v1 only",
                "start one command with `run`, or boot the host with systemd.unified_cgroup_hierarchy=1"
            )
        }
        return nil
    }

    private static func initialization(of root: borrowing RootedDirectory) throws(ProvisionError) -> Initialization? {
        // nspawn's own order.
        for candidate in ["/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/sbin/init"] {
            guard try root.status(candidate) != nil else { continue }
            let target = try root.linkTarget(candidate) ?? candidate
            if target.hasSuffix("/systemd") {
                return Initialization(kind: .systemd, systemdVersion: try systemdVersion(in: root))
            }
            return Initialization(kind: target.hasSuffix("busybox") ? .busybox : .other, systemdVersion: nil)
        }
        return nil
    }

    /// From the name of libsystemd-shared-NNN.so (or -NNN.5-1.el9.so), which systemd has since 231.
    private static func systemdVersion(in root: borrowing RootedDirectory) throws(ProvisionError) -> Int? {
        for directory in [
            "/usr/lib/systemd", "/usr/lib64/systemd", "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd",
            "/lib/systemd",
        ] {
            for name in try root.names(in: directory) ?? [] where name.hasPrefix("libsystemd-shared-") {
                if let version = Int(name.dropFirst(18).prefix { $0.isNumber }) { return version }
            }
        }
        return nil
    }

    private static func find(_ program: String, in root: borrowing RootedDirectory) throws(ProvisionError) -> Bool {
        try path(of: program, in: root) != nil
    }

    /// A container's PATH, in systemd-nspawn's order.
    static let searchPath = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

    /// Where a program lies in a root, looked for on its PATH unless its name holds a slash; nil where it isn't there.
    static func path(of program: String, in root: borrowing RootedDirectory) throws(ProvisionError) -> String? {
        if program.contains("/") { return try root.status(program) == nil ? nil : program }
        for directory in searchPath {
            if try root.status("\(directory)/\(program)") != nil { return "\(directory)/\(program)" }
        }
        return nil
    }
}
