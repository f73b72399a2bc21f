public import Diagnostics
internal import Glibc
public import Model
internal import System
public import SystemPackage

/// Runs rpm transactions, each in a process of its own with its own mounts, processes, host name and no network.
///
/// librpm changes root directory, mask, signals and macros for its whole process, and scriptlets run whatever they like: both
/// belong where one SIGKILL ends all of it. That is also how a run is given up, since the staged root is thrown away then.
public struct Installer: Sendable {
    /// The executable that becomes the install process: one whose main calls `installChildMain` for `installChildArgument`.
    public var executable: FilePath

    public init(executable: FilePath = "/proc/self/exe") { self.executable = executable }

    /// Installs the job's packages into its root, reporting `.verify` and `.install`.
    ///
    /// Call it from a thread that lives until it returns: the process dies with the thread that started it.
    /// - Throws: `.verification` where a package is refused (nothing is installed then), `.unsatisfiable` where rpm finds a
    ///   dependency unmet, `.interrupted`, or `.failed` with what rpm or a scriptlet said. The root is of no use afterwards.
    public func run(_ job: InstallJob, progress: any ProgressSink) throws -> InstallOutcome {
        guard case .installed(let outcome) = try converse(.install(job), progress, packages: job.packages.count) else {
            throw ProvisionError(.failed, "the install process answered something else than it was asked")
        }
        return outcome
    }

    /// The packages in a root's database, as `rpm -qa` lists them (public keys included), in the order of installation.
    public func installedPackages(root: FilePath, database: LayerManifest.Database) throws -> [NEVRA] {
        let request = ChildRequest.list(root: root.string, database: database)
        guard case .listed(let packages) = try converse(request, SilentProgress(), packages: 0) else {
            throw ProvisionError(.failed, "the install process answered something else than it was asked")
        }
        return packages
    }

    /// Verifies package files that somebody named, without a root: what they are, in the order of `files`.
    ///
    /// Needs no privilege. The answer holds for the bytes that were read: an install checks them again by the digest.
    /// - Throws: `.verification`, naming the file as its label does, for what is no package, a damaged one, and one whose signature
    ///   is required and missing or by none of its keys; `.failed` where it can't be read; `.interrupted`.
    public func inspect(_ files: [NamedPackageFile], keys: [TrustedKey]) throws -> [InspectedPackage] {
        guard case .inspected(let packages) = try converse(.inspect(files, keys: keys), SilentProgress(), packages: 0) else {
            throw ProvisionError(.failed, "the install process answered something else than it was asked")
        }
        return packages
    }

    private func converse(
        _ request: ChildRequest, _ progress: any ProgressSink, packages: Int
    ) throws -> InstallReport.Answer {
        let input = try JobChannel.encode(request)
        defer { close(input.rawValue) }
        let null = FileDescriptor(rawValue: try check(open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null"))
        defer { close(null.rawValue) }
        let pipe = try OwnedPipe()
        var options = ChildProcess.Options()
        options.descriptors = [0: null, 1: null, JobChannel.request: input, JobChannel.events: pipe.writing]
        options.environment = Installer.environment
        if case .install(let job) = request, let time = job.installTime {
            options.environment?["SOURCE_DATE_EPOCH"] = String(time)
        }
        // An inspection runs nothing of the packages', and whoever may plan may not make namespaces.
        if case .inspect = request {} else { options.namespaces = [.mount, .pid, .ipc, .uts, .network] }
        // Scriptlets have no terminal of the user's to read from or to type into.
        options.newSession = true
        var child = try ChildProcess([executable.string, installChildArgument], options: options)
        pipe.closeWriting()

        var report = InstallReport(progress: progress, packages: packages)
        do {
            try listen(pipe.reading) { report.handle($0) }
        } catch {
            // The child is the first process of its namespace: with it go all that scriptlets started.
            child.signal(SIGKILL)
            _ = child.wait()
            report.abandon()
            throw error
        }
        let status = child.wait() ?? .exited(255)
        report.childEnded(how: status.words)
        return try report.result!.get()
    }

    /// Hands over events until the child closes its end.
    private func listen(_ descriptor: FileDescriptor, _ handle: (InstallEvent) -> Void) throws {
        var decoder = EventDecoder()
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            try Interruption.check()
            var waiting = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 200) > 0 else { continue }
            let count = read(descriptor.rawValue, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            if try check(count, "read from", "the install process") == 0 { return }
            for event in try decoder.feed(chunk[..<count]) { handle(event) }
        }
    }

    /// What scriptlets find in their environment: nothing of the host's.
    ///
    /// SYSTEMD_OFFLINE keeps systemctl from looking for a systemd to talk to: the pid 1 that it would find is rpm.
    private static let environment = [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C", "TERM": "dumb", "SYSTEMD_OFFLINE": "1",
    ]
}

extension ChildProcess.Status {
    fileprivate var words: String {
        switch self {
        // The reaper gives the worker's signal in this form.
        case .exited(let status) where status > 128: "signal \(status - 128)"
        case .exited(let status): "status \(status)"
        case .signalled(let number): "signal \(number)"
        }
    }
}
