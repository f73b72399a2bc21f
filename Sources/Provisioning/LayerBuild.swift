internal import Configuration
internal import Diagnostics
internal import Glibc
internal import Installing
internal import Layers
internal import Model
internal import Patches
internal import Repositories
internal import Solving
internal import System
internal import SystemPackage
internal import Transfer

/// One layer on its way from a prepared request into the store. Its steps are called in the order in which they stand here.
///
/// Whatever throws, `discard` undoes all of it.
final class LayerBuild {
    let preparation: BuildPreparation
    let clock: PhaseClock
    private let context: Context
    private let store: LayerStore
    private let cache: PackageCache
    private var staging: Staging?
    private var installation: Installation?
    private(set) var solution: Solution?
    private let patching: PatchApplication
    /// What the end needs and can have before: done while rpm works.
    private var ahead: Alongside<DeltaRules, ProvisionError>?

    var request: BuildRequest { preparation.request }

    init(_ preparation: BuildPreparation, context: Context, store: LayerStore, clock: PhaseClock) {
        self.preparation = preparation
        self.context = context
        self.store = store
        self.clock = clock
        cache = PackageCache(cache: context.cache)
        patching = PatchApplication(preparation.patches)
    }

    /// A layer that was made by the same request: under this name, or its content under a new one. nil where one must be made.
    ///
    /// - Throws: `.conflict` where a layer of that name is another's or can't be replaced.
    func existing() throws -> BuildAnswer? {
        if request.fresh {
            // What would be refused at the end is refused before the work.
            if let old = try store.layerIfPresent(request.name) { try store.refuseIfNeeded(old, to: "replace") }
            return nil
        }
        guard let twin = try store.find(request: preparation.digest, preferring: request.name) else {
            guard let other = try store.layerIfPresent(request.name) else { return nil }
            throw ProvisionError(
                .conflict, "a layer \"\(request.name)\" exists already, made by another request: \(other.manifest.command)",
                hint: "choose another name, rebuild it with --fresh, or remove it: provision rm \(request.name)")
        }
        if twin.name == request.name { return reused(twin) }
        return try clock.phase(.commit) {
            let layer = try store.clone(twin, as: request.name, command: request.command)
            return (reused(layer), note: "\"\(twin.name)\" was made by the same request: its content under another name")
        }
    }

    private func reused(_ layer: Layer) -> BuildAnswer {
        BuildAnswer(
            preparation, plan: Plan(packages: layer.manifest.packages), layer: layer, reused: true,
            patches: layer.manifest.patches, clock: clock)
    }

    /// Makes the place and sends the processes to work that install, which make ready while packages are chosen.
    ///
    /// - Parameter processes: those that were started ahead; they are started now where there are none.
    func start(_ processes: InstallProcesses? = nil) throws {
        guard geteuid() == 0 else {
            throw ProvisionError(.unsupported, "installing packages into a root needs root", hint: "run it with sudo")
        }
        let staging = try store.stage(request.command)
        self.staging = staging
        if let parent = preparation.parent { try staging.mountOverlay(on: try store.chain(of: parent)) }
        let configuration = preparation.configuration
        let languages = preparation.languages
        var job = InstallJob(
            root: staging.root.string, database: configuration.database, arch: configuration.architecture.native,
            packages: [], keys: [], noDocs: preparation.noDocs, languages: languages.isEmpty ? nil : languages,
            overlay: preparation.parent != nil)
        job.strictScriptlets = preparation.request.strictScriptlets
        job.scriptletSeconds = preparation.scriptletLimits.seconds
        installation = try Installation(job, by: try processes ?? InstallProcesses(), progress: clock)
    }

    /// Chooses the packages.
    @discardableResult
    func solve(_ session: SolveSession = SolveSession()) throws -> [PlannedPackage] {
        let solution = try preparation.solve(on: staging?.chain, session: session)
        if let parent = preparation.parent, solution.plan.packages.isEmpty {
            let there = solution.alreadyInstalled.map { "\($0.spec) is there as \($0.package)" }
            throw ProvisionError(
                .unsatisfiable, "there is nothing to install: \"\(parent.name)\" holds all of that already",
                hint: "provision show \(parent.name) lists its packages", causes: there)
        }
        self.solution = solution
        return solution.plan.packages
    }

    /// Begins the transaction: what must be fetched and handed over for it.
    func delivery() throws -> PackageDelivery {
        guard let installation, let solution else { throw ProvisionError(.failed, "a transaction without its packages") }
        // In one order whatever the plan's is: a lock's is another, and rpm breaks ties by the order in which it is told.
        let packages = solution.plan.packages.map { (name: $0.nevra.description, package: $0) }
            .sorted { $0.name < $1.name }.map(\.package)
        let files = try packages.map { package in
            InstallJob.PackageFile(
                path: cache.path(for: package.checksum).string, nevra: package.nevra, repository: package.repository,
                checksum: package.checksum, size: package.size,
                requireSignature: preparation.checksSignatures(of: package.repository),
                allowedKeys: try preparation.keys(of: package.repository).map(\.fingerprint),
                label: package.isFile ? package.location : nil)
        }
        let used = Set(packages.map(\.repository))
        let keys = try used.sorted().filter { preparation.checksSignatures(of: $0) }.flatMap { try preparation.keys(of: $0) }
        let plan = InstallPlan(
            packages: files, keys: keys.uniqued(by: \.fingerprint), installTime: preparation.buildTime(of: used),
            history: preparation.history(of: solution.plan, packages: packages))
        let delivery = try PackageDelivery(packages, plan: plan, into: installation, cache: cache)
        // A base's root has nothing to look at yet.
        if let staging, let chain = staging.chain {
            ahead = Alongside { [patching, store, file = context.deltaRules, root = staging.root] () throws(ProvisionError) in
                let rules = try DeltaRules(contentsOf: file)
                try store.readAhead(below: chain, rules: rules)
                patching.rehearse(in: root)
                return rules
            }
        }
        return delivery
    }

    /// What is left once the transaction has ended well: patches, and the commit.
    func finish(downloaded: UInt64) throws -> BuildAnswer {
        guard let installation, let staging, let plan = solution?.plan else {
            throw ProvisionError(.failed, "a layer without its transaction")
        }
        let outcome = try installation.finish()
        let rules = try ahead?.value() ?? DeltaRules(contentsOf: context.deltaRules)
        let patches = try patch(root: staging.root)
        // What the network was like is nothing that the layer says of itself.
        let warnings = preparation.configuration.warnings.map(\.text) + plan.warnings + outcome.warnings
        var database = preparation.configuration.database
        database.backend = outcome.databaseBackend
        let layer = try commit(
            staging, plan: plan, rules: rules, patches: patches, warnings: warnings, database: database)
        self.staging = nil
        return BuildAnswer(preparation, plan: plan, layer: layer, downloaded: downloaded, patches: patches, clock: clock)
    }

    /// Undoes what was begun, because of `error`.
    func discard(after error: any Error) {
        installation?.cancel()
        ahead = nil
        // A file that lies about itself must not stay where the next build would trust its name.
        if let error = error as? ProvisionError, error.code == .verification {
            for package in solution?.plan.packages ?? []
            where error.message.contains(package.isFile ? package.location : package.nevra.description) {
                do { try cache.discard(package.checksum) } catch { clock.warn("\(error)") }
            }
        }
        do {
            try staging?.discard()
        } catch {
            clock.warn("cannot remove the staging directory: \(error)", hint: "provision gc removes it later")
        }
        staging = nil
    }

    // MARK: - The last steps

    private func patch(root: FilePath) throws -> [PatchReport] {
        try clock.phase(.patch) {
            let reports = try patching.apply(to: root)
            if preparation.parent == nil { try leaveYumConfiguration(in: root) }
            let applied = reports.filter { $0.outcome == .applied }.map(\.name)
            return (reports, note: applied.isEmpty ? "nothing to patch" : applied.joined(separator: ", "))
        }
    }

    /// The root tells what it was made of, beside its own configuration and not in its way.
    private func leaveYumConfiguration(in root: FilePath) throws {
        let directory = try RootedDirectory(root)
        try directory.write("/etc/provision/yum.conf", Array(preparation.yumConfiguration.utf8), mode: 0o644)
    }

    private func commit(
        _ staging: Staging, plan: Plan, rules: DeltaRules, patches: [PatchReport], warnings: [String],
        database: LayerManifest.Database
    ) throws -> Layer {
        try Interruption.check()
        let parent = preparation.parent
        let configuration = preparation.configuration
        let origins = try preparation.origins(of: plan.packages)
        let time = preparation.buildTime(of: Set(plan.packages.map(\.repository))).map { Int64($0) }
        return try clock.phase(.commit) {
            let layer = try store.commit(
                staging, replacing: request.fresh, rules: rules, time: time, progress: clock
            ) { measure in
                var manifest = LayerManifest(
                    name: request.name, kind: parent == nil ? .base : .app, release: configuration.releaseID,
                    arch: configuration.architecture.basearch,
                    parent: parent.map { .init(name: $0.name, digest: $0.digest) }, digest: measure.digest,
                    request: preparation.digest, command: request.command, created: time ?? Int64(Glibc.time(nil)),
                    database: database, yumConfiguration: preparation.yumConfiguration,
                    packages: plan.packages, patches: patches, warnings: warnings, size: measure.size,
                    fileCount: measure.fileCount)
                manifest.lock = request.lock?.digest
                manifest.repositories = origins
                manifest.builder = version
                return manifest
            }
            let what = parent == nil ? "a layer" : "a delta"
            return (layer, note: "\(what) of \(formatted(bytes: layer.manifest.size)) in \(layer.manifest.fileCount) paths")
        }
    }
}

extension BuildAnswer {
    init(
        _ preparation: BuildPreparation, plan: Plan, layer: Layer? = nil, reused: Bool = false, downloaded: UInt64 = 0,
        patches: [PatchReport] = [], clock: PhaseClock
    ) {
        let parent = preparation.parent
        self.init(
            name: preparation.request.name, kind: parent == nil ? .base : .app,
            release: preparation.configuration.releaseID,
            parent: parent.map { .init(name: $0.name, digest: $0.digest) }, path: layer?.tree.string,
            digest: layer?.digest, reused: reused, packages: plan.packages, downloadBytes: plan.downloadSize,
            downloadedBytes: downloaded, installedBytes: plan.installedSize, layerBytes: layer?.manifest.size,
            patches: patches, warnings: reused ? layer?.manifest.warnings ?? [] : clock.warnings, seconds: clock.seconds,
            elapsed: clock.elapsed)
    }
}
