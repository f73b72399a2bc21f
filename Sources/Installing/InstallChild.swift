internal import CRpm
internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// The hidden first argument that makes this executable the install process.
public let installChildArgument = "__install"

/// The whole life of the install process: it reads a request from descriptor 3, answers with events on descriptor 4, and ends.
///
/// `Installer` starts it as the first process of its namespaces, where it becomes the one that reaps what scriptlets leave
/// behind, and starts itself again for the work. Its exit status says no more than its events.
public func installChildMain() -> Never {
    do {
        if getpid() == 1 { try Reaper.run() }
        do {
            try JobChannel.keepFromScriptlets()
        } catch {
            throw ProvisionError(
                .usage, "\"\(installChildArgument)\" is for provision itself, not for people", causes: ["\(error)"])
        }
        // Where none comes there was nothing to install in the end.
        guard let order = try JobChannel.receive() else { exit(0) }
        switch order.request {
        case .install(let job): JobChannel.send(.finished(try InstallChild(job: job, tree: order.tree).run()))
        case .verify(let arch): try VerifyChild.run(arch: arch)
        case .list(let root, let database): JobChannel.send(.packages(try listPackages(root, order.tree, database)))
        case .describe(let root, let database, let parking):
            JobChannel.send(.described(try describePackages(root, order.tree, database, parking: parking)))
        case .inspect(let files, let keys): JobChannel.send(.inspected(try inspectPackages(files, keys)))
        }
        exit(0)
    } catch {
        let error = error as? ProvisionError ?? ProvisionError(.failed, "the install process failed", causes: ["\(error)"])
        JobChannel.send(.failed(InstallEvent.Failure(error)))
        exit(1)
    }
}

private func listPackages(_ root: String, _ tree: FileDescriptor, _ database: LayerManifest.Database) throws -> [NEVRA] {
    try RpmLibrary.configure(arch: hostArchitecture(), database: database)
    let cage = try Cage(root: FilePath(root), tree: tree)
    return try withExtendedLifetime(cage) { try RpmDatabase.list(root: Cage.root) }
}

private func describePackages(
    _ root: String, _ tree: FileDescriptor, _ database: LayerManifest.Database, parking: Bool
) throws -> [InstalledPackage] {
    try RpmLibrary.configure(arch: hostArchitecture(), database: database)
    let cage = try Cage(root: FilePath(root), tree: tree)
    try cage.enterRoot()
    // A machine that was killed may have left the log of a write behind: sqlite applies it when it opens the file.
    if parking {
        try RpmDatabase(database, root: "/").park()
        try DnfHistory.park()
    }
    return try RpmDatabase.describe(root: "/")
}

private func inspectPackages(_ files: [NamedPackageFile], _ keys: [TrustedKey]) throws -> [InspectedPackage] {
    // No database is opened; librpm wants to be told of one all the same.
    try RpmLibrary.configure(
        arch: hostArchitecture(), database: LayerManifest.Database(path: "/var/lib/rpm", backend: "sqlite"))
    let verifier = PackageVerifier(keys: try KeyStore(keys))
    return try files.map(verifier.inspect)
}

func hostArchitecture() -> String {
    var name = utsname()
    uname(&name)
    return withUnsafeBytes(of: &name.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

/// One job, from its packages to a parked database.
private final class InstallChild {
    private let job: InstallJob
    private let tree: FileDescriptor

    /// - Parameter tree: the root's mount, which it takes over.
    init(job: InstallJob, tree: FileDescriptor) { (self.job, self.tree) = (job, tree) }

    func run() throws -> InstallOutcome {
        // All that needs no package is done while the parent still chooses and fetches them.
        try RpmLibrary.configure(arch: job.arch, database: job.database, noDocs: job.noDocs, languages: job.languages)
        let output = try OutputCapture.start()
        let cage = try Cage(root: FilePath(job.root), tree: tree)
        let database = RpmDatabase(job.database, root: Cage.root)
        if job.overlay { try database.bringUp() }

        let feed = try PackageFeed(MessageSocket(FileDescriptor(rawValue: JobChannel.packages)))
        // One descriptor a package. Scriptlets without /proc close all up to the limit one by one: it mustn't be huge.
        let limit = UInt64(max(1024, feed.plan.packages.count + 256))
        try limitOpenFiles(soft: limit, hard: max(4096, limit))
        // librpm looks for it when a transaction set is made, and scriptlets inherit it.
        if let time = feed.plan.installTime { setenv("SOURCE_DATE_EPOCH", String(time), 1) }
        let watch = try ScriptletWatch.start(
            root: FileDescriptor(rawValue: try check(open(Cage.root, O_DIRECTORY | O_RDONLY | O_CLOEXEC), "open", Cage.root)),
            attempts: try Cage.confine(), output: output, limit: job.scriptletSeconds)
        let transaction = try Transaction(root: Cage.root, noDocs: job.noDocs)
        try transaction.openDatabase(database)
        let cookie = try transaction.databaseCookie()
        try transaction.importKeys(try KeyStore(feed.plan.keys))
        let headers = try feed.headers()
        defer { headers.forEach { headerFree($0) } }
        let check = try DependencyCheck(root: Cage.root, headers: headers)
        for (index, header) in headers.enumerated() { try transaction.add(header, index: index) }
        JobChannel.send(.ordered(try transaction.order()))
        let trace = TransactionTrace(
            replaced: transaction.replaced(), cookieBefore: cookie, cookieAfter: cookie,
            time: feed.plan.installTime.map { Int64($0) } ?? Int64(time(nil)), inOverlay: job.overlay)
        let observer = try TransactionObserver(
            feed: feed, headers: headers, check: check, cage: cage, output: output, watch: watch,
            database: RpmDatabase(job.database, root: "/").file, strict: job.strictScriptlets)
        try transaction.run(observer)
        // Where rpm has left out all of them, nothing has asked for it yet.
        try check.finish()
        let outcome = try finish(transaction, observer, headers, cage, feed.plan, trace)
        return try convert(
            outcome,
            BerkeleyConversion(
                cage: cage, output: output, watch: watch, directory: RpmDatabase(job.database, root: "/").directory))
    }

    private func finish(
        _ transaction: Transaction, _ observer: TransactionObserver, _ headers: [OpaquePointer], _ cage: Cage,
        _ plan: InstallPlan, _ trace: TransactionTrace
    ) throws -> InstallOutcome {
        let missing = Set(observer.packages).subtracting(observer.installed)
        guard missing.isEmpty else {
            throw ProvisionError(
                .failed, "rpm left out \(missing.count) packages without saying why",
                causes: missing.map(\.description).sorted())
        }
        var trace = trace
        trace.cookieAfter = try transaction.databaseCookie()
        if plan.history?.selection.groups.isEmpty == false { trace.installed = transaction.installedNames() }
        rpmtsCloseDB(transaction.set)
        try cage.enterRoot()
        try RpmDatabase(job.database, root: "/").park()
        if let history = plan.history {
            try history.write(packages: plan.packages, ids: headers.map { RpmHeader($0).yumID }, trace)
        }
        return InstallOutcome(
            installed: observer.installed, installedBytes: headers.reduce(0) { $0 + RpmHeader($1).installedSize },
            warnings: [], databaseBackend: job.database.writableBackend)
    }

    /// Leaves a Berkeley database where the release wants one and the root's own rpm can write it.
    private func convert(_ outcome: InstallOutcome, _ conversion: BerkeleyConversion) throws -> InstallOutcome {
        guard job.database.backend == "bdb" else { return outcome }
        JobChannel.send(
            .installing(package: "the rpm database, by the root's own rpm", completed: UInt64(outcome.installed.count)))
        var outcome = outcome
        let left = "the rpm database in \"\(job.database.path)\" is of type sqlite, not Berkeley DB"
        let consequence = "rpm and yum inside of this root can't read it, those of a host with rpm 4.16 or newer can"
        switch try conversion.run() {
        case .written(let rpm, let refused):
            outcome.databaseBackend = "bdb"
            outcome.databaseWriter = rpm
            outcome.warnings = refused.map { "the root's own rpm tried to \($0): refused" }
        case .noProgram:
            outcome.warnings = ["\(left): the root holds no rpm of its own, and no other can write that; \(consequence)"]
        case .failed(let error):
            let why = [error.message] + error.causes
            guard !job.strictScriptlets else {
                throw ProvisionError(.failed, "the root's own rpm can't write its database", causes: why)
            }
            outcome.warnings = ["\(left): the root's own rpm can't write it (\(why.joined(separator: "; "))); \(consequence)"]
        }
        return outcome
    }
}
