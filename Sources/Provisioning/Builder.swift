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

/// The work flow of `base`, `app` and `plan`: configuration, repositories, plan, packages, root, layer.
///
/// The process must be in a mount namespace of its own (`PrivateMounts.enter()`): an app's overlay is mounted in it.
public struct Builder {
    private let context: Context
    private let clock: PhaseClock
    private let store: LayerStore

    public init(context: Context) {
        self.context = context
        clock = PhaseClock(context.progress)
        store = LayerStore(state: context.state)
    }

    /// What a build would install. Downloads metadata only and writes no layer.
    ///
    /// - Throws: `.unsatisfiable`, `.unreachable`, `.verification`, `.configuration`, `.usage`, `.interrupted`.
    public func plan(_ request: BuildRequest) throws -> BuildAnswer {
        let preparation = try BuildPreparation(request, context: context, store: store, progress: clock)
        return answer(preparation, plan: try preparation.solve().plan)
    }

    /// Makes the layer, or answers with one that fits the request already.
    ///
    /// - Throws: as `plan`, and `.conflict` where a layer of that name is needed by others; nothing is left behind then.
    public func build(_ request: BuildRequest) throws -> BuildAnswer {
        try LayerName.check(request.name)
        for words in try store.sweep().removed { clock.detail("removed what a dead run left: \(words)") }
        let lock = try store.lock(request.name, words: request.command) { holder in
            clock.warn("waiting for another run that makes \"\(request.name)\": \(holder)")
        }
        return try withExtendedLifetime(lock) { try buildLocked(request) }
    }

    private func buildLocked(_ request: BuildRequest) throws -> BuildAnswer {
        let preparation = try BuildPreparation(request, context: context, store: store, progress: clock)
        if !request.fresh, let layer = try existing(preparation) {
            return answer(
                preparation, plan: Plan(packages: layer.manifest.packages), layer: layer, reused: true,
                patches: layer.manifest.patches)
        }
        guard geteuid() == 0 else {
            throw ProvisionError(.unsupported, "installing packages into a root needs root", hint: "run it with sudo")
        }
        // What would be refused at the end is refused before the work.
        if request.fresh, let old = try store.layerIfPresent(request.name) { try store.refuseIfNeeded(old, to: "replace") }
        return try withStaging(preparation) { staging in
            // It makes ready while packages are chosen.
            let installation = try Installation(job(preparation, staging), progress: clock)
            defer { installation.cancel() }
            let solution = try preparation.solve()
            if let parent = preparation.parent { try refuseEmptyDelta(solution, on: parent) }
            let (downloaded, said) = try install(solution.plan, preparation, by: installation)
            let patches = try patch(preparation, root: staging.root)
            // What the network was like is nothing that the layer says of itself.
            let warnings =
                preparation.configuration.warnings.map(\.text) + solution.plan.warnings + said
            let layer = try commit(staging, plan: solution.plan, preparation, patches: patches, warnings: warnings)
            return answer(preparation, plan: solution.plan, layer: layer, downloaded: downloaded, patches: patches)
        }
    }

    // MARK: - Steps

    /// A layer that was made by the same request: under this name, or its content under a new one.
    private func existing(_ preparation: BuildPreparation) throws -> Layer? {
        let request = preparation.request
        guard let twin = try store.find(request: preparation.digest, preferring: request.name) else {
            guard let other = try store.layerIfPresent(request.name) else { return nil }
            throw ProvisionError(
                .conflict, "a layer \"\(request.name)\" exists already, made by another request: \(other.manifest.command)",
                hint: "choose another name, rebuild it with --fresh, or remove it: provision rm \(request.name)")
        }
        if twin.name == request.name { return twin }
        return try clock.phase(.commit) {
            let layer = try store.clone(twin, as: request.name, command: request.command)
            return (layer, note: "\"\(twin.name)\" was made by the same request: its content under another name")
        }
    }

    private func refuseEmptyDelta(_ solution: Solution, on parent: Layer) throws {
        guard solution.plan.packages.isEmpty else { return }
        let there = solution.alreadyInstalled.map { "\($0.spec) is there as \($0.package)" }
        throw ProvisionError(
            .unsatisfiable, "there is nothing to install: \"\(parent.name)\" holds all of that already",
            hint: "provision show \(parent.name) lists its packages", causes: there)
    }

    private func withStaging<Result>(_ preparation: BuildPreparation, _ body: (Staging) throws -> Result) throws -> Result {
        let staging = try store.stage(preparation.request.command)
        do {
            if let parent = preparation.parent { try staging.mountOverlay(on: try store.chain(of: parent)) }
            return try body(staging)
        } catch {
            do {
                try staging.discard()
            } catch let leftover {
                clock.warn("cannot remove the staging directory: \(leftover)", hint: "provision gc removes it later")
            }
            throw error
        }
    }

    /// What is known of the transaction before its packages are.
    private func job(_ preparation: BuildPreparation, _ staging: Staging) -> InstallJob {
        let configuration = preparation.configuration
        let languages = preparation.languages
        return InstallJob(
            root: staging.root.string, database: configuration.database, arch: configuration.architecture.native,
            packages: [], keys: [], noDocs: preparation.noDocs, languages: languages.isEmpty ? nil : languages,
            overlay: preparation.parent != nil)
    }

    /// Fetches, verifies and installs; the number of bytes that came over the wire, and what failed without stopping rpm.
    private func install(
        _ plan: Plan, _ preparation: BuildPreparation, by installation: Installation
    ) throws -> (downloaded: UInt64, warnings: [String]) {
        let cache = PackageCache(cache: context.cache)
        // In one order whatever the plan's is: a lock's is another, and rpm breaks ties by the order in which it is told.
        let packages = plan.packages.sorted { $0.nevra.description < $1.nevra.description }
        let files = try packages.map { package in
            let keys = try preparation.keys(of: package.repository)
            return InstallJob.PackageFile(
                path: cache.path(for: package.checksum).string, nevra: package.nevra, repository: package.repository,
                checksum: package.checksum, size: package.size,
                requireSignature: preparation.checksSignatures(of: package.repository),
                allowedKeys: keys.map(\.fingerprint), label: package.isFile ? package.location : nil)
        }
        let used = Set(plan.packages.map(\.repository))
        let keys = try used.sorted().filter { preparation.checksSignatures(of: $0) }.flatMap { try preparation.keys(of: $0) }
        do {
            let pipeline = try PackagePipeline(
                packages, into: installation,
                plan: InstallPlan(
                    packages: files, keys: keys.uniqued(by: \.fingerprint), installTime: preparation.buildTime(of: used)),
                cache: cache, request: { try preparation.transfer(of: $0, to: cache) })
            return try pipeline.run(
                preparation.downloader, progress: clock, waitsForAll: preparation.request.lock != nil)
        } catch let error as ProvisionError where error.code == .verification {
            // A file that lies about itself must not stay where the next build would trust its name.
            for package in plan.packages
            where error.message.contains(package.isFile ? package.location : package.nevra.description) {
                try cache.discard(package.checksum)
            }
            throw error
        }
    }

    private func patch(_ preparation: BuildPreparation, root: FilePath) throws -> [PatchReport] {
        try clock.phase(.patch) {
            let reports = try preparation.patchCatalog.apply(preparation.patches.selections, to: root) + preparation.patches.off
            if preparation.parent == nil { try leaveYumConfiguration(preparation, in: root) }
            let applied = reports.filter { $0.outcome == .applied }.map(\.name)
            return (reports, note: applied.isEmpty ? "nothing to patch" : applied.joined(separator: ", "))
        }
    }

    /// The root tells what it was made of, beside its own configuration and not in its way.
    private func leaveYumConfiguration(_ preparation: BuildPreparation, in root: FilePath) throws {
        let directory = try RootedDirectory(root)
        try directory.write("/etc/provision/yum.conf", Array(preparation.yumConfiguration.utf8), mode: 0o644)
    }

    private func commit(
        _ staging: Staging, plan: Plan, _ preparation: BuildPreparation, patches: [PatchReport], warnings: [String]
    ) throws -> Layer {
        try Interruption.check()
        let parent = preparation.parent
        let configuration = preparation.configuration
        let rules = try DeltaRules(contentsOf: context.deltaRules)
        let origins = try preparation.origins(of: plan.packages)
        let time = preparation.buildTime(of: Set(plan.packages.map(\.repository))).map { Int64($0) }
        return try clock.phase(.commit) {
            let layer = try store.commit(
                staging, replacing: preparation.request.fresh, rules: rules, time: time, progress: clock
            ) {
                measure in
                var manifest = LayerManifest(
                    name: preparation.request.name, kind: parent == nil ? .base : .app, release: configuration.releaseID,
                    arch: configuration.architecture.basearch,
                    parent: parent.map { .init(name: $0.name, digest: $0.digest) }, digest: measure.digest,
                    request: preparation.digest, command: preparation.request.command, created: time ?? Int64(Glibc.time(nil)),
                    database: configuration.database, yumConfiguration: preparation.yumConfiguration,
                    packages: plan.packages, patches: patches, warnings: warnings, size: measure.size,
                    fileCount: measure.fileCount)
                manifest.lock = preparation.request.lock?.digest
                manifest.repositories = origins
                manifest.builder = version
                return manifest
            }
            let what = parent == nil ? "a layer" : "a delta"
            return (layer, note: "\(what) of \(formatted(bytes: layer.manifest.size)) in \(layer.manifest.fileCount) paths")
        }
    }

    private func answer(
        _ preparation: BuildPreparation, plan: Plan, layer: Layer? = nil, reused: Bool = false, downloaded: UInt64 = 0,
        patches: [PatchReport] = []
    ) -> BuildAnswer {
        let parent = preparation.parent
        return BuildAnswer(
            name: preparation.request.name, kind: parent == nil ? .base : .app,
            release: preparation.configuration.releaseID,
            parent: parent.map { .init(name: $0.name, digest: $0.digest) }, path: layer?.tree.string,
            digest: layer?.digest, reused: reused, packages: plan.packages, downloadBytes: plan.downloadSize,
            downloadedBytes: downloaded, installedBytes: plan.installedSize, layerBytes: layer?.manifest.size,
            patches: patches, warnings: reused ? layer?.manifest.warnings ?? [] : clock.warnings, seconds: clock.seconds)
    }
}

extension Array {
    /// The first of each key, in order.
    func uniqued<Key: Hashable>(by key: (Element) -> Key) -> [Element] {
        var seen: Set<Key> = []
        return filter { seen.insert(key($0)).inserted }
    }
}
