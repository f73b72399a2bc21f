internal import Configuration
internal import Diagnostics
internal import Layers
internal import Model
internal import Patches
internal import Repositories
internal import Solving
internal import System
internal import SystemPackage
internal import Transfer

/// All that a build needs to know before the solver is asked: configuration, pinned repositories, patches, and the request's digest.
///
/// Making one reads the metadata's digests (and fetches what is stale) but neither parses packages nor solves: when a layer
/// fits the digest, nothing more is needed.
struct BuildPreparation {
    let request: BuildRequest
    let configuration: BuildConfiguration
    let parent: Layer?
    let snapshots: [RepositorySnapshot]
    let patches: ResolvedPatches
    let patchCatalog: PatchCatalog
    let yumConfiguration: String
    /// Over everything that decides the result.
    let digest: ContentDigest
    let downloader: Downloader

    private let context: Context
    private let store: LayerStore
    private let progress: PhaseClock
    private let loader: RepositoryLoader
    private let keyring: Keyring

    init(_ request: BuildRequest, context: Context, store: LayerStore, progress: PhaseClock) throws {
        self.request = request
        self.context = context
        self.store = store
        self.progress = progress
        if case .app(let name) = request.kind { parent = try store.layer(named: name) } else { parent = nil }
        configuration = try BuildPreparation.configuration(of: request, parent: parent, context: context)
        for note in configuration.notes { progress.detail(note) }
        for warning in configuration.warnings { progress.warn(warning.text, hint: warning.hint) }
        let settings = try Settings(reading: context.settings)
        downloader = Downloader(
            parallel: request.jobs ?? configuration.main.parallelDownloads ?? settings.jobs, agent: "provision/\(version)",
            progress: progress)
        let finder = KeyFinder(cache: context.cache, downloader: downloader)
        keyring = Keyring(finder)
        loader = RepositoryLoader(cache: context.cache, downloader: downloader, keys: finder, progress: progress)
        snapshots = try loader.load(try configuration.effectiveRepositories())
        patchCatalog = PatchCatalog(directory: context.patches)
        patches = try BuildPreparation.patches(request, configuration, parent: parent, patchCatalog)
        yumConfiguration = Configuration.yumConfiguration(of: configuration)
        digest = BuildPreparation.digest(
            request, configuration: configuration, parent: parent, snapshots: snapshots,
            patches: try patchCatalog.fingerprint(of: patches.selections))
    }

    // MARK: - What the steps ask for

    var noDocs: Bool { request.noDocs || configuration.main.noDocs }
    var languages: [String] { request.languages.isEmpty ? configuration.main.languages : request.languages }

    func checksSignatures(of repository: String) -> Bool {
        snapshots.first { $0.configuration.id == repository }?.configuration.gpgcheck ?? true
    }

    /// The keys that may sign a repository's packages.
    func keys(of repository: String) throws -> [TrustedKey] {
        guard let configuration = snapshots.first(where: { $0.configuration.id == repository })?.configuration else {
            return []
        }
        return configuration.gpgcheck ? try keyring.keys(of: configuration) : []
    }

    func transfer(of package: PlannedPackage, to cache: PackageCache) throws -> TransferRequest {
        guard let snapshot = snapshots.first(where: { $0.configuration.id == package.repository }) else {
            throw ProvisionError(
                .failed, "package \"\(package.nevra)\" comes from a repository that isn't loaded: \"\(package.repository)\"")
        }
        return cache.request(
            for: package, urls: try snapshot.packageURLs(for: package), transport: snapshot.configuration.transport)
    }

    func solve() throws -> Solution {
        let main = configuration.main
        let words = try ModuleWords(self.request.groups, snapshots: snapshots, platform: main.modulePlatform)
        let request = SolveRequest(
            repositories: snapshots.map(source),
            installed: try parent.map { try installedRoot(of: $0) }, specs: specs, groups: try groups(words.groups),
            modules: words.request, architecture: configuration.architecture.native, excludes: self.request.excludes,
            weakDependencies: self.request.weakDependencies || main.installWeakDeps, best: main.best,
            obsoletes: main.obsoletes, exactArchitecture: main.exactarch,
            multilibPolicy: main.multilibPolicy == .all ? .all : .best, installOnly: main.installOnlyPackages,
            cache: context.cache.appending("solv"))
        let solution = try Solving.solve(request, progress: progress)
        for warning in solution.plan.warnings { progress.warn(warning) }
        return solution
    }

    /// The topmost tree of the parent's chain that holds an rpm database: each layer that installs anything has the whole of it.
    private func installedRoot(of parent: Layer) throws -> InstalledRoot {
        let path = configuration.database.path
        for tree in try store.chain(of: parent).trees
        where try !(RootedDirectory(tree).names(in: path) ?? []).isEmpty {
            return InstalledRoot(root: tree, databasePath: path)
        }
        throw ProvisionError(
            .failed, "layer \"\(parent.name)\" holds no rpm database at \"\(path)\"",
            hint: "an app needs a parent that was made of packages")
    }

    /// What is installed when nothing was asked for: the release's base set.
    private var specs: [String] {
        let nothing = request.specs.isEmpty && request.groups.isEmpty
        return nothing && parent == nil ? configuration.baseSpecs : request.specs
    }

    private func source(_ snapshot: RepositorySnapshot) -> RepositorySource {
        // The solver runs on this thread; the compiler can't see that.
        nonisolated(unsafe) let loader = loader
        return RepositorySource(
            id: snapshot.configuration.id, priority: snapshot.configuration.priority, cost: snapshot.configuration.cost,
            primary: snapshot.primary.path, generation: snapshot.repomdDigest.hex,
            excludes: snapshot.configuration.excludePackages, includes: snapshot.configuration.includePackages,
            filelists: { snapshot.filelists == nil ? nil : try loader.filelists(of: snapshot) })
    }

    private func groups(_ words: [String]) throws -> [RequestedGroup] {
        try GroupResolution(
            snapshots: snapshots, types: Set(configuration.main.groupPackageTypes), withOptional: request.withOptional
        ).resolve(words)
    }

    // MARK: - Making one

    /// The precedence of configurations: options over -c over the parent's over the release.
    private static func configuration(of request: BuildRequest, parent: Layer?, context: Context) throws -> BuildConfiguration {
        let releases = Releases(context: context)
        let manifest = parent?.manifest
        let given = request.release ?? manifest.flatMap { $0.release == BuildConfiguration.customID ? nil : $0.release }
        var configuration: BuildConfiguration
        if request.yumConfiguration == nil, request.release == nil, let manifest {
            guard let text = manifest.yumConfiguration else {
                throw ProvisionError(
                    .usage, "layer \"\(manifest.name)\" doesn't say of which repositories it was made",
                    hint: "name them with --release or -c")
            }
            configuration = try .load(
                text: text, releaseID: manifest.release, name: parent!.directory.appending("layer.json").string,
                catalog: releases.catalog)
        } else {
            configuration = try .load(
                release: given, file: request.yumConfiguration, fallback: releases.defaultRelease(), catalog: releases.catalog)
        }
        var overrides = Overrides()
        overrides.releasever = request.releaseVersion
        overrides.architecture = request.architecture ?? manifest?.arch
        overrides.addedRepositories = request.addedRepositories
        overrides.enabledRepositories = request.enabledRepositories
        overrides.disabledRepositories = request.disabledRepositories
        overrides.settings = request.settings
        overrides.gpgcheck = request.checksSignatures ? nil : false
        try configuration.apply(overrides)
        return configuration
    }

    /// `--root-password` is the patch of that name with a value.
    private static func patches(
        _ request: BuildRequest, _ configuration: BuildConfiguration, parent: Layer?, _ catalog: PatchCatalog
    ) throws -> ResolvedPatches {
        let password = request.rootPassword.map { [PatchSelection(name: "root-password", value: $0)] } ?? []
        return try catalog.resolve(
            defaults: configuration.defaultPatches, enabled: request.patches.map { PatchSelection(parsing: $0) } + password,
            disabled: request.withoutPatches)
    }

    private static func digest(
        _ request: BuildRequest, configuration: BuildConfiguration, parent: Layer?, snapshots: [RepositorySnapshot],
        patches: String
    ) -> ContentDigest {
        var lines = ["provision build 1", parent.map { "on \($0.manifest.digest)" } ?? "base"]
        lines += snapshots.map { "repository \($0.configuration.id) \($0.repomdDigest)" }
        lines.append("configuration \(configuration.fingerprint)")
        lines += request.specs.sorted().map { "spec \($0)" } + request.groups.sorted().map { "group \($0)" }
        lines += request.excludes.sorted().map { "exclude \($0)" }
        lines.append("optional \(request.withOptional) weak \(request.weakDependencies) docs \(!request.noDocs)")
        lines.append("languages \(request.languages.sorted().joined(separator: ","))")
        lines.append(patches)
        return sha256(of: lines.joined(separator: "\n"))
    }
}
