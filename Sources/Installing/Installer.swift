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

    /// Installs the job's packages, which all are there as files, into its root, reporting `.verify` and `.install`.
    ///
    /// Call it from a thread that lives until it returns: the processes die with the thread that started them.
    /// - Throws: `.verification` where a package is refused, `.unsatisfiable` where rpm finds a dependency unmet,
    ///   `.interrupted`, or `.failed` with what rpm or a scriptlet said. The root is of no use afterwards.
    public func run(_ job: InstallJob, progress: any ProgressSink) throws -> InstallOutcome {
        let paths = job.packages.map { Files.absolute(FilePath($0.path)) }
        let installation = try Installation(job, by: InstallProcesses(executable: executable), progress: progress)
        defer { installation.cancel() }
        try installation.begin(
            InstallPlan(packages: job.packages, keys: job.keys, installTime: job.installTime),
            packagesBelow: Installer.commonDirectory(of: paths))
        for (index, path) in paths.enumerated() { installation.deliverHead(index, at: [path], isWhole: true) }
        while installation.order == nil, !installation.isDone {
            try Interruption.check()
            installation.wait()
            try installation.step()
        }
        for index in installation.order ?? [] { installation.deliverPackage(index, at: paths[index]) }
        return try installation.finish()
    }

    /// The lowest directory that holds all of these files.
    static func commonDirectory(of paths: [FilePath]) -> FilePath {
        guard var common = paths.first?.removingLastComponent() else { return "/" }
        for path in paths { while !path.starts(with: common) { common.removeLastComponent() } }
        return common
    }

    /// The packages in a root's database, as `rpm -qa` lists them (public keys included), in the order of installation.
    public func installedPackages(root: FilePath, database: LayerManifest.Database) throws -> [NEVRA] {
        let request = ChildRequest.list(root: root.string, database: database)
        guard case .listed(let packages) = try ask(request, namespaces: Installation.namespaces) else {
            throw ProvisionError(.failed, "the install process answered something else than it was asked")
        }
        return packages
    }

    /// The packages in a root's database without the public keys, with what the database tells of each.
    ///
    /// - Parameter parking: makes a sqlite database one file without a log first; the root must be writable then.
    public func describePackages(
        root: FilePath, database: LayerManifest.Database, parking: Bool
    ) throws -> [InstalledPackage] {
        let request = ChildRequest.describe(root: root.string, database: database, parking: parking)
        guard case .described(let packages) = try ask(request, namespaces: Installation.namespaces) else {
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
        // It runs nothing of the packages', and whoever may plan may not make namespaces.
        guard case .inspected(let packages) = try ask(.inspect(files, keys: keys), namespaces: []) else {
            throw ProvisionError(.failed, "the install process answered something else than it was asked")
        }
        return packages
    }

    /// The answer of a child that is asked one thing.
    private func ask(_ request: ChildRequest, namespaces: ChildProcess.Namespaces) throws -> InstallReport.Answer {
        let events = try EventPipe()
        let (orders, childsOrders) = try MessageSocket.pair()
        var child = try startChild(
            executable, orders: childsOrders, events: events.pipe, environment: Installation.environment,
            namespaces: namespaces)
        try JobChannel.order(request, of: orders)
        var report = InstallReport(progress: SilentProgress(), packages: 0)
        do {
            while !events.isClosed {
                try Interruption.check()
                waitForDescriptors([(events.descriptor, false)], milliseconds: 200)
                for event in try events.read() { report.handle(event) }
            }
        } catch {
            child.signal(SIGKILL)
            _ = child.wait()
            throw error
        }
        report.childEnded(how: (child.wait() ?? .exited(255)).words)
        return try report.result!.get()
    }
}
