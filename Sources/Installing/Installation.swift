public import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
public import SystemPackage

/// An rpm transaction under way, in two processes beside this one: one verifies packages, the other installs those that are good.
///
/// Both make ready while packages are still being chosen; `begin` says which they will be. The heads of all
/// let rpm put them in order; each package is installed as soon as it has come, was verified, and those before it are done.
/// This process only hands over open files and listens: call `step` whenever one of `awaited` is ready.
///
/// Keep it on a thread that lives as long: the processes die with the thread that started them, and with this value.
public final class Installation {
    private let processes: InstallProcesses
    private var report: InstallReport
    private var pending: [Delivery] = []
    private var directory: ReadOnlyDirectory?

    /// What scriptlets find in their environment: nothing of the host's.
    ///
    /// SYSTEMD_OFFLINE keeps systemctl from looking for a systemd to talk to: the pid 1 that it would find is rpm.
    static let environment = [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C", "TERM": "dumb", "SYSTEMD_OFFLINE": "1",
    ]
    static let namespaces: ChildProcess.Namespaces = [.mount, .pid, .ipc, .uts, .network]

    private struct Delivery {
        var message: PackageMessage
        /// Tried in order: what arrives is renamed.
        var paths: [FilePath]
    }

    /// Sends `processes` to work on a job whose packages, keys and time are not known yet and left empty.
    ///
    /// - Throws: `.failed` where the root can't be handed over.
    public init(_ job: InstallJob, by processes: InstallProcesses, progress: any ProgressSink) throws {
        var job = job
        (job.packages, job.keys, job.installTime) = ([], [], nil)
        self.processes = processes
        report = InstallReport(progress: progress, packages: 0)
        do {
            try processes.order(job)
        } catch {
            // The root is unmounted next.
            processes.end()
            throw error
        }
    }

    deinit { cancel() }

    /// Says which packages will come. Their files will be below `directory`, or what is there of them.
    public func begin(_ plan: InstallPlan, packagesBelow directory: FilePath) throws {
        self.directory = try ReadOnlyDirectory(directory)
        report.total = UInt64(plan.packages.count)
        let file = try memoryFile("provision-plan", holding: Array(try JSONEncoder().encode(plan)))
        defer { close(file.rawValue) }
        try processes.packages.send(try PackageMessage.plan.encoded(), file: file)
    }

    /// Hands over the head of a package, by its place in the plan: a file that holds at least its header, at the first of
    /// `paths` that exists when its turn comes. `isWhole` says that it is the whole package already.
    public func deliverHead(_ index: Int, at paths: [FilePath], isWhole: Bool = false) {
        pending.append(Delivery(message: .head(index, isWhole: isWhole), paths: paths))
    }

    /// Hands over a whole package, with or without its head before.
    public func deliverPackage(_ index: Int, at path: FilePath) {
        pending.append(Delivery(message: .package(index), paths: [path]))
    }

    /// Packages whose heads were no good, by their places in the plan, since the last call: a mirror's fault or the package's own, which
    /// its head tells when it is handed over once more, with `isWhole`.
    public func takeRefusedHeads() -> [Int] { report.takeRefusedHeads() }

    /// The order in which rpm will ask for the packages, once it has all heads.
    public var order: [Int]? { report.order }

    /// Packages that are verified so far, of those that were delivered.
    public var verified: Int { report.verified }

    /// Whether the transaction has ended well: `finish` returns at once then.
    public var isDone: Bool { report.result != nil }

    /// What to wait for before the next `step`.
    public var awaited: [(descriptor: FileDescriptor, wantsToWrite: Bool)] {
        var awaited: [(descriptor: FileDescriptor, wantsToWrite: Bool)] = []
        if !processes.installerEvents.isClosed { awaited.append((processes.installerEvents.descriptor, false)) }
        if !processes.verifierEvents.isClosed { awaited.append((processes.verifierEvents.descriptor, false)) }
        if !pending.isEmpty { awaited.append((processes.packages.descriptor, true)) }
        return awaited
    }

    /// Waits until there is something to do, at most 200 milliseconds.
    public func wait() { Installation.wait(for: [self]) }

    /// Waits until there is something to do for one of them, at most 200 milliseconds.
    public static func wait(for installations: [Installation]) {
        waitForDescriptors(installations.flatMap(\.awaited), milliseconds: 200)
    }

    /// Hands over what there is room for and takes in what the processes say, without waiting.
    ///
    /// - Throws: `.verification` where a package is refused, `.unsatisfiable` where rpm finds a dependency unmet, or `.failed`
    ///   with what rpm or a scriptlet said. Both processes have ended then, and the root is of no use.
    public func step() throws {
        do {
            try deliver()
            // What the installer says follows from what the verifier has said by then: it is read first and heard last.
            let installed = try processes.installerEvents.read()
            for event in try processes.verifierEvents.read() + installed { report.handle(event) }
            if report.result == nil, processes.installerEvents.isClosed {
                let status = processes.installer.wait() ?? .exited(255)
                if status == .exited(PackageFeed.noMorePackages) { try verifierEnded() }
                report.childEnded(how: status.words)
            }
            if report.result == nil, processes.verifierEvents.isClosed { try verifierEnded() }
            if case .failure(let error) = report.result { throw error }
        } catch {
            cancel()
            throw error
        }
    }

    /// Waits until the transaction has ended, whose warnings were reported as they came; whatever it needs must have been delivered.
    ///
    /// - Throws: as `step`, and `.interrupted`.
    public func finish() throws -> InstallOutcome {
        while !isDone {
            do { try Interruption.check() } catch {
                cancel()
                throw error
            }
            wait()
            try step()
        }
        guard case .installed(let outcome) = try report.result!.get() else {
            throw ProvisionError(.failed, "the install process answered something else than it was asked")
        }
        end()
        return outcome
    }

    /// Gives it up: both processes are gone when this returns, and all that scriptlets started with them.
    public func cancel() {
        report.abandon()
        end()
    }

    private func end() { processes.end(hasFinished: report.result != nil) }

    /// Throws why the verifying process has ended, if not well.
    private func verifierEnded() throws {
        // Its sockets close before its last words: those are there once it has ended.
        let status = processes.verifier.wait() ?? .exited(255)
        for event in try processes.verifierEvents.read() { report.handle(event) }
        if case .failure(let error) = report.result { throw error }
        if status.succeeded || status == .exited(PackageFeed.noListener) { return }
        throw ProvisionError(
            .failed, "the process that verifies packages ended (\(status.words))",
            hint: whyKilled)
    }

    private func deliver() throws {
        while let next = pending.first {
            guard let directory else { throw ProvisionError(.failed, "packages were delivered before their plan") }
            var file: FileDescriptor?
            for path in next.paths where file == nil { file = try directory.openIfPresent(path) }
            guard let file else {
                throw ProvisionError(
                    .failed, "the package \"\(next.paths[0])\" has vanished",
                    hint: "another process may have cleaned the cache: try again")
            }
            defer { close(file.rawValue) }
            do {
                guard try processes.packages.trySending(try next.message.encoded(), file: file) else { return }
            } catch is ProvisionError {
                // It listens no more: what it or the installing process said when it ended tells why.
                pending = []
                return try verifierEnded()
            }
            pending.removeFirst()
        }
    }
}
