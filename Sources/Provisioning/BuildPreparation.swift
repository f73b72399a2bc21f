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
    /// Those that the build's packages may come from.
    let repositories: [BuildRepository]
    /// The repositories' metadata; none for a build from a lock, which needs no metadata.
    let snapshots: [RepositorySnapshot]
    /// The package files among the request's specs; none for a build from a lock, which pins them by digest.
    let files: [CommandLinePackage]
    let patches: ResolvedPatches
    let yumConfiguration: String
    /// Over everything that decides the result.
    let digest: ContentDigest
    let downloader: Downloader
    private let sourceDate: Int64?

    private let context: Context
    private let store: LayerStore
    private let progress: PhaseClock
    private let loader: RepositoryLoader
    private let keyring: Keyring
    private let limits: SizeLimits
    let scriptletLimits: ScriptletLimits

    /// - Throws: what loading repositories throws; `.usage` where a lock was made for another request.
    init(
        _ asked: BuildRequest, context: Context, store: LayerStore, progress: PhaseClock, freshness: Freshness = .useCache
    ) throws {
        try asked.lock?.checkConfigurationFile(asked)
        let request = asked.lock.map { $0.request.completing(asked) } ?? asked
        self.request = request
        self.context = context
        self.store = store
        self.progress = progress
        if case .app(let name) = request.kind { parent = try store.layer(named: name) } else { parent = nil }
        configuration = try request.configuration(parent: parent, context: context)
        for note in configuration.notes { progress.detail(note) }
        for warning in configuration.warnings { progress.warn(warning.text, hint: warning.hint) }
        let settings = try Settings(reading: context.settings)
        downloader = Downloader(
            parallel: request.jobs ?? configuration.main.parallelDownloads ?? settings.jobs, agent: "provision/\(version)",
            progress: progress)
        var policy = MetadataPolicy(settings.limits)
        policy.allowsOlder = request.allowsOlderMetadata
        limits = settings.limits
        scriptletLimits = settings.scriptlets
        let finder = KeyFinder(cache: context.cache, downloader: downloader)
        keyring = Keyring(finder, progress: progress)
        loader = RepositoryLoader(
            cache: context.cache, downloader: downloader, keys: finder, policy: policy, progress: progress)
        // The processor has nothing else to do while metadata come.
        let catalog = PatchCatalog(directory: context.patches)
        let patches = Alongside { [request, configuration, parent] () throws(ProvisionError) in
            try BuildPreparation.patches(request, configuration, parent: parent, catalog)
        }
        if let lock = request.lock {
            try lock.check(request, configuration, parent: parent)
            snapshots = []
            repositories = lock.repositories(try configuration.effectiveRepositories())
        } else {
            snapshots = try loader.load(try configuration.effectiveRepositories(), freshness: freshness)
            repositories = snapshots.map {
                BuildRepository(configuration: $0.configuration, source: $0.packageSource, timestamp: $0.timestamp)
            }
        }
        files = try BuildPreparation.files(
            of: request, configuration, repositories, keyring, downloader, limits, context, progress)
        self.patches = try patches.value()
        yumConfiguration = Configuration.yumConfiguration(of: configuration)
        sourceDate = try SourceDate.requested()
        digest = BuildPreparation.digest(
            request, configuration: configuration, parent: parent, snapshots: snapshots, files: files,
            patches: self.patches.fingerprint, sourceDate: sourceDate)
    }

    /// Prepares a request that differs from the other's in name, packages and groups only, without asking anybody anew.
    init(_ request: BuildRequest, beside other: BuildPreparation, progress: PhaseClock) throws {
        self.request = request
        self.progress = progress
        (context, store, parent, configuration) = (other.context, other.store, other.parent, other.configuration)
        (downloader, keyring, loader, limits) = (other.downloader, other.keyring, other.loader, other.limits)
        (repositories, snapshots) = (other.repositories, other.snapshots)
        (patches, yumConfiguration) = (other.patches, other.yumConfiguration)
        (sourceDate, scriptletLimits) = (other.sourceDate, other.scriptletLimits)
        files = try BuildPreparation.files(
            of: request, configuration, repositories, keyring, downloader, limits, context, progress)
        digest = BuildPreparation.digest(
            request, configuration: configuration, parent: parent, snapshots: snapshots, files: files,
            patches: patches.fingerprint, sourceDate: sourceDate)
    }

    // MARK: - What the steps ask for

    var noDocs: Bool { request.noDocs || configuration.main.noDocs }
    var languages: [String] { request.languages.isEmpty ? configuration.main.languages : request.languages }

    func checksSignatures(of repository: String) -> Bool {
        if repository == PlannedPackage.commandLine { return request.checksSignatures && configuration.main.gpgcheck }
        return repositories.first { $0.configuration.id == repository }?.configuration.gpgcheck ?? true
    }

    /// The keys that may sign a repository's packages.
    func keys(of repository: String) throws -> [TrustedKey] {
        if repository == PlannedPackage.commandLine {
            return checksSignatures(of: repository) ? try Self.fileKeys(repositories, keyring) : []
        }
        guard let configuration = repositories.first(where: { $0.configuration.id == repository })?.configuration else {
            return []
        }
        return configuration.gpgcheck ? try keyring.keys(of: configuration) : []
    }

    /// The keys that may sign package files: any that the build's repositories are trusted by.
    private static func fileKeys(_ repositories: [BuildRepository], _ keyring: Keyring) throws -> [TrustedKey] {
        try repositories.filter { $0.configuration.gpgcheck }.flatMap { try keyring.keys(of: $0.configuration) }
            .uniqued(by: \.fingerprint)
    }

    /// The time that everything which the build makes gets: SOURCE_DATE_EPOCH, or when the newest of these repositories was made,
    /// a time that the same packages always have; nil where none tells.
    func buildTime(of used: Set<String>) -> UInt64? {
        if let sourceDate { return UInt64(sourceDate) }
        // A package file has no repository to tell: all that the build could have used stand for it.
        let isAny = used.contains(PlannedPackage.commandLine)
        let times = repositories.filter { isAny || used.contains($0.configuration.id) }.map(\.timestamp)
        return times.max().flatMap { $0 == 0 ? nil : $0 }
    }

    /// The repositories that these packages come from, for the layer's manifest: what it was made of can be told later.
    func origins(of packages: [PlannedPackage]) throws -> [LayerManifest.Repository] {
        let used = Set(packages.map(\.repository))
        if let lock = request.lock {
            return lock.repositories.filter { used.contains($0.id) }.map {
                .init(id: $0.id, baseURL: $0.urls.first, repomd: $0.repomd, revision: $0.revision, keys: $0.keys)
            }
        }
        return try snapshots.filter { used.contains($0.id) }.map { snapshot in
            .init(
                id: snapshot.id, baseURL: snapshot.baseURLs.first.map(withoutUser), repomd: snapshot.repomdDigest,
                revision: snapshot.revision, keys: try keys(of: snapshot.id).map(\.fingerprint).sorted())
        }
    }

    /// A repository's keys with where each was found; from now on the cache has them by their fingerprints.
    func pinnedKeys(of repository: String) throws -> [(key: TrustedKey, reference: KeyReference)] {
        guard let configuration = repositories.first(where: { $0.configuration.id == repository })?.configuration,
            configuration.gpgcheck
        else { return [] }
        return try keyring.pinned(of: configuration)
    }

    func transfer(of package: PlannedPackage, to cache: PackageCache) throws -> TransferRequest {
        if package.isFile {
            return cache.request(
                for: package, urls: [package.fileURL], transport: configuration.main.transport, maximumSize: limits.package)
        }
        guard let repository = repositories.first(where: { $0.configuration.id == package.repository }) else {
            throw ProvisionError(
                .failed, "package \"\(package.nevra)\" comes from a repository that isn't loaded: \"\(package.repository)\"")
        }
        return cache.request(
            for: package, urls: try repository.source.urls(for: package), transport: repository.configuration.transport,
            maximumSize: limits.package)
    }

    /// What to install: the lock's packages, or the solver's answer.
    ///
    /// - Parameters:
    ///   - pins: packages that are taken as they are, if their names are.
    ///   - chain: the parent's, where the caller has it.
    func solve(
        pinning pins: [NEVRA] = [], on chain: LayerChain? = nil, session: SolveSession = SolveSession()
    ) throws -> Solution {
        if let lock = request.lock { return Solution(plan: Plan(packages: lock.packages, selection: lock.selection)) }
        let chain = try chain ?? parent.map(store.chain)
        return try Resolver(preparation: self, loader: loader, chain: chain?.layers ?? [], progress: progress)
            .solve(pinning: pins, cache: context.cache, limit: limits.openMetadata, session: session)
    }

    var specs: [String] { request.specs(for: configuration, parent: parent) }

    // MARK: - Making one

    private static func files(
        of request: BuildRequest, _ configuration: BuildConfiguration, _ repositories: [BuildRepository],
        _ keyring: Keyring, _ downloader: Downloader, _ limits: SizeLimits, _ context: Context, _ progress: PhaseClock
    ) throws -> [CommandLinePackage] {
        let checked = request.checksSignatures && configuration.main.gpgcheck
        let words = request.lock == nil ? request.specs.filter(isPackageFile) : []
        return try PackageFiles(
            downloader: downloader, cache: context.cache, transport: configuration.main.transport,
            maximumSize: limits.package, expire: configuration.main.metadataExpire, progress: progress
        ).load(
            words, requireSignature: checked,
            keys: checked && !words.isEmpty ? fileKeys(repositories, keyring) : [])
    }

    /// `--root-password` is the patch of that name with a value.
    private static func patches(
        _ request: BuildRequest, _ configuration: BuildConfiguration, parent: Layer?, _ catalog: PatchCatalog
    ) throws(ProvisionError) -> ResolvedPatches {
        let password = request.rootPassword.map { [PatchSelection(name: "root-password", value: $0)] } ?? []
        return try catalog.resolve(
            defaults: configuration.defaultPatches, enabled: request.patches.map { PatchSelection(parsing: $0) } + password,
            disabled: request.withoutPatches)
    }

    private static func digest(
        _ request: BuildRequest, configuration: BuildConfiguration, parent: Layer?, snapshots: [RepositorySnapshot],
        files: [CommandLinePackage], patches: String, sourceDate: Int64?
    ) -> ContentDigest {
        var lines = ["provision build 1", parent.map { "on \($0.manifest.digest)" } ?? "base"]
        lines += request.lock.map { ["lock \($0.digest)"] } ?? []
        lines += snapshots.map { "repository \($0.configuration.id) \($0.repomdDigest)" }
        lines += files.map { "file \($0.spec) \($0.checksum)" }.sorted()
        lines += ["configuration \(configuration.fingerprint)", "manager \(configuration.manager)"]
        lines += request.specs.sorted().map { "spec \($0)" } + request.groups.sorted().map { "group \($0)" }
        lines += request.excludes.sorted().map { "exclude \($0)" }
        lines.append("optional \(request.withOptional) weak \(request.weakDependencies) docs \(!request.noDocs)")
        lines.append("languages \(request.languages.sorted().joined(separator: ","))")
        lines.append(patches)
        if request.strictScriptlets { lines.append("strict scriptlets") }
        if let sourceDate { lines.append("time \(sourceDate)") }
        return sha256(of: lines.joined(separator: "\n"))
    }
}
