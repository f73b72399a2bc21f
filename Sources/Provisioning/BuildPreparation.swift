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
    let patches: PatchPlan
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
        if !request.checksSignatures {
            for repository in configuration.effectiveRepositories {
                progress.warn("packages of repository \"\(repository.id)\" are installed without checking their signatures (--no-gpgcheck)")
            }
        }
        let settings = try Settings.load(from: context.settings)
        downloader = Downloader(
            parallel: request.jobs ?? configuration.main.parallelDownloads ?? settings.jobs, progress: progress)
        keyring = Keyring(cache: context.cache, downloader: downloader)
        loader = RepositoryLoader(cache: context.cache, downloader: downloader, progress: progress)
        snapshots = try BuildPreparation.load(configuration.effectiveRepositories, loader, keyring, progress)
        patches = try PatchPlan(request, defaults: configuration.defaultPatches, catalog: PatchCatalog(directory: context.patches))
        yumConfiguration = try Configuration.yumConfiguration(of: configuration)
        digest = BuildPreparation.digest(
            request, configuration: configuration, parent: parent, snapshots: snapshots, patches: patches)
    }

    // MARK: - What the steps ask for

    var noDocs: Bool { request.noDocs || configuration.main.noDocs }
    var languages: [String] { request.languages.isEmpty ? configuration.main.languages : request.languages }

    func checksSignatures(of repository: String) -> Bool {
        snapshots.first { $0.configuration.id == repository }?.configuration.gpgcheck ?? true
    }

    /// The keys that may sign a repository's packages.
    func keys(of repository: String) throws -> [TrustedKey] {
        guard let configuration = snapshots.first(where: { $0.configuration.id == repository })?.configuration else { return [] }
        return configuration.gpgcheck ? try keyring.keys(of: configuration) : []
    }

    func transfer(of package: PlannedPackage, to cache: PackageCache) throws -> TransferRequest {
        guard let snapshot = snapshots.first(where: { $0.configuration.id == package.repository }) else {
            throw ProvisionError(.failed, "package \"\(package.nevra)\" comes from a repository that isn't loaded: \"\(package.repository)\"")
        }
        return cache.request(
            for: package, urls: try snapshot.packageURLs(for: package), transport: snapshot.configuration.transport)
    }

    func solve() throws -> Plan {
        try progress.phase(.resolve) {
            let main = configuration.main
            let request = SolveRequest(
                repositories: snapshots.map(source),
                installed: try parent.map { try store.installedRoot(of: $0, database: configuration.database) },
                specs: specs, groups: try groups(), architecture: configuration.architecture,
                excludes: main.excludePackages + self.request.excludes, includes: main.includePackages,
                weakDependencies: self.request.weakDependencies || main.installWeakDeps, best: main.best,
                obsoletes: main.obsoletes, exactArchitecture: main.exactarch,
                multilibPolicy: main.multilibPolicy == .all ? .all : .best, installOnly: main.installOnlyPackages,
                cache: context.cache.appending("solv"))
            let plan = try Solving.solve(request, progress: progress)
            for warning in plan.warnings { progress.warn(warning) }
            let note =
                "\(plan.packages.count) packages, \(formatted(bytes: plan.downloadSize)) to download, "
                + "\(formatted(bytes: plan.installedSize)) installed"
            return (plan, note: note)
        }
    }

    /// What is installed when nothing was asked for: the release's base set.
    private var specs: [String] {
        let nothing = request.specs.isEmpty && request.groups.isEmpty
        return nothing && parent == nil ? configuration.baseSpecs : request.specs
    }

    private func source(_ snapshot: RepositorySnapshot) -> RepositorySource {
        let loader = loader
        let box = UncheckedBox(loader)
        return RepositorySource(
            id: snapshot.configuration.id, priority: snapshot.configuration.priority, cost: snapshot.configuration.cost,
            primary: snapshot.primary.path, generation: snapshot.repomdDigest.hex,
            excludes: snapshot.configuration.excludePackages, includes: snapshot.configuration.includePackages,
            filelists: { try box.value.filelists(of: snapshot) })
    }

    private func groups() throws -> [RequestedGroup] {
        try GroupResolution(
            snapshots: snapshots, types: Set(configuration.main.groupPackageTypes), withOptional: request.withOptional
        ).resolve(request.groups, arch: configuration.architecture)
    }

    // MARK: - Making one

    /// The precedence of configurations: options over -c over the parent's over the release.
    private static func configuration(of request: BuildRequest, parent: Layer?, context: Context) throws -> BuildConfiguration {
        let releases = Releases(context: context)
        let manifest = parent?.manifest
        let base: BuildConfiguration
        if let file = request.yumConfiguration {
            let release = try (request.release ?? manifest.flatMap { $0.release == BuildConfiguration.customRelease ? nil : $0.release })
                .map(releases.load)
            base = try BuildConfiguration(YumConfigurationFile(reading: file), release: release)
        } else if let id = request.release {
            base = try BuildConfiguration(release: try releases.load(id))
        } else if let manifest {
            guard let text = manifest.yumConfiguration else {
                throw ProvisionError(
                    .usage, "layer \"\(manifest.name)\" doesn't say of which repositories it was made",
                    hint: "name them with --release or -c")
            }
            let release = manifest.release == BuildConfiguration.customRelease ? nil : try releases.load(manifest.release)
            let origin = FilePath(parent!.directory.string).appending("layer.json")
            base = try BuildConfiguration(YumConfigurationFile(parsing: text, path: origin), release: release)
        } else {
            base = try BuildConfiguration(release: try releases.load(try releases.defaultRelease()))
        }
        var overrides = Overrides()
        overrides.releasever = request.releaseVersion
        overrides.architecture = request.architecture ?? manifest?.arch
        overrides.addedRepositories = request.addedRepositories
        overrides.enabled = request.enabledRepositories
        overrides.disabled = request.disabledRepositories
        overrides.settings = request.settings
        overrides.gpgcheck = request.checksSignatures ? nil : false
        var configuration = try base.applying(overrides)
        // A child's packages go into the database that its parent has.
        if let database = manifest?.database { configuration.database = database }
        guard !configuration.effectiveRepositories.isEmpty else {
            throw ProvisionError(
                .configuration, "no repository is enabled",
                hint: "switch one on with --enable-repo, or add one with --repo ID=URL")
        }
        return configuration
    }

    private static func load(
        _ repositories: [RepositoryConfiguration], _ loader: RepositoryLoader, _ keyring: Keyring, _ progress: PhaseClock
    ) throws -> [RepositorySnapshot] {
        try progress.phase(.metadata) {
            let snapshots = try loader.load(repositories, keys: { try keyring.keys(of: $0) })
            let names = snapshots.map(\.configuration.id).joined(separator: ", ")
            return (snapshots, note: names)
        }
    }

    private static func digest(
        _ request: BuildRequest, configuration: BuildConfiguration, parent: Layer?, snapshots: [RepositorySnapshot],
        patches: PatchPlan
    ) -> ContentDigest {
        var lines = ["provision build 1", parent.map { "on \($0.manifest.digest)" } ?? "base"]
        lines += snapshots.map { "repository \($0.configuration.id) \($0.repomdDigest)" }
        lines.append("configuration \(configuration.fingerprint)")
        lines += request.specs.sorted().map { "spec \($0)" } + request.groups.sorted().map { "group \($0)" }
        lines += request.excludes.sorted().map { "exclude \($0)" }
        lines.append("optional \(request.withOptional) weak \(request.weakDependencies) docs \(!request.noDocs)")
        lines.append("languages \(request.languages.sorted().joined(separator: ","))")
        lines.append("patches \(patches.fingerprint)")
        return sha256(of: lines.joined(separator: "\n"))
    }
}

/// Says that a value is used by one thread at a time, where the compiler can't see it.
private struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
