internal import Configuration
internal import Diagnostics
public import Model
internal import Repositories
internal import Solving
internal import System
internal import SystemPackage
internal import Transfer

/// The work flow of `repos`, `groups`, `search` and `info`: what the repositories that a build would use hold.
public struct Catalog {
    private let request: BuildRequest
    private let context: Context
    private let configuration: BuildConfiguration
    private let loader: RepositoryLoader

    /// - Parameter request: only its choice of repositories counts.
    /// - Throws: `.configuration`, `.usage`, `.notFound`.
    public init(_ request: BuildRequest, context: Context) throws {
        self.request = request
        self.context = context
        configuration = try request.configuration(parent: nil, context: context)
        for note in configuration.notes { context.progress.detail(note) }
        let settings = try Settings(reading: context.settings)
        let downloader = Downloader(
            parallel: request.jobs ?? configuration.main.parallelDownloads ?? settings.jobs, agent: "provision/\(version)",
            progress: context.progress)
        loader = RepositoryLoader(
            cache: context.cache, downloader: downloader, keys: KeyFinder(cache: context.cache, downloader: downloader),
            policy: MetadataPolicy(settings.limits), progress: context.progress)
    }

    /// The repositories in the configuration's order.
    ///
    /// - Parameter all: those that are switched off too, without asking them.
    /// - Returns: each of them, also where it can't be loaded, with the reason.
    public func repositories(all: Bool) throws -> [RepositorySummary] {
        var problems: [String: ProvisionError] = [:]
        let snapshots = try snapshots { repository, error in
            problems[repository.id] = error
            return true
        }
        let contents = try index(snapshots).contents()
        return configuration.repositories.filter { all || $0.enabled }.map { repository in
            RepositorySummary(
                configuration.expanded(repository), snapshot: snapshots.first { $0.id == repository.id },
                contents: contents.first { $0.id == repository.id }, problem: problems[repository.id])
        }
    }

    public func groups() throws -> GroupListing {
        let snapshots = try snapshots()
        let index = try index(snapshots)
        let comps = try Comps(of: snapshots)
        return GroupListing(
            groups: comps.groups.map { GroupSummary($0, index: index) }.sorted { $0.id < $1.id },
            environments: comps.environments.map(EnvironmentSummary.init).sorted { $0.id < $1.id })
    }

    /// The groups and environments that a word means: an id, a name, or a pattern.
    ///
    /// - Throws: `.notFound` with the nearest id.
    public func group(_ word: String) throws -> GroupListing {
        let snapshots = try snapshots()
        let comps = try Comps(of: snapshots)
        let groups = comps.groups.named(word)
        let environments = comps.environments.named(word)
        if !groups.isEmpty || !environments.isEmpty {
            let index = try index(snapshots)
            return GroupListing(
                groups: groups.map { GroupSummary($0, index: index) }, environments: environments.map(EnvironmentSummary.init))
        }
        let ids = comps.groups.map(\.id) + comps.environments.map(\.id)
        throw ProvisionError(
            .notFound, "no enabled repository defines the group \"\(word)\"",
            hint: nearest(to: word, in: ids).map { "did you mean \"\($0)\"?" } ?? "provision groups lists them")
    }

    /// Each stream of the modules of the enabled repositories.
    ///
    /// - Parameter name: only the module of this name.
    /// - Throws: `.notFound` where there is none of that name, with the nearest.
    public func modules(named name: String? = nil) throws -> [ModuleSummary] {
        let snapshots = try snapshots()
        let request = try moduleRequest(snapshots)
        let all = request.map { ModuleSummary.all(of: $0, active: []) } ?? []
        if let name, !all.contains(where: { $0.name == name }) {
            let near = nearest(to: name, in: Set(all.map(\.name)).sorted()).map { "did you mean \"\($0)\"?" }
            throw ProvisionError(
                .notFound, "no enabled repository has a module \"\(name)\"", hint: near ?? "provision modules lists them")
        }
        guard let request else { return [] }
        let active = try index(snapshots).activeStreams
        return ModuleSummary.all(of: request, active: active).filter { name == nil || $0.name == name }
    }

    /// Packages that every word fits, best first.
    public func search(_ words: [String]) throws -> [SearchHit] { try index(snapshots()).search(words) }

    /// The packages that a spec means, those that no build would take too.
    ///
    /// - Throws: `.notFound` with the nearest name.
    public func packages(matching spec: String) throws -> [PackageDescription] {
        let snapshots = try snapshots()
        var index = try index(snapshots, withDetails: true)
        var found = index.packages(matching: spec)
        if found.isEmpty, index.wantsFilelists(spec) {
            index = try self.index(snapshots, withDetails: true, withFilelists: true)
            found = index.packages(matching: spec)
        }
        guard found.isEmpty else { return try withAdvisories(found, snapshots) }
        throw ProvisionError(
            .notFound, "no enabled repository has a package \"\(spec)\"",
            hint: index.nearestName(to: spec).map { "did you mean \"\($0)\"?" } ?? "look for it with: provision search \(spec)")
    }

    // MARK: - Parts

    /// Advisories are worth a look where there are some, never a failure.
    private func withAdvisories(
        _ packages: [PackageDescription], _ snapshots: [RepositorySnapshot]
    ) throws -> [PackageDescription] {
        var packages = packages
        for snapshot in snapshots where snapshot.updateinfo != nil && packages.contains(where: { $0.repository == snapshot.id })
        {
            do {
                let list = try loader.advisories(of: snapshot)
                for number in packages.indices where packages[number].repository == snapshot.id {
                    packages[number].advisories = list[packages[number].nevra]
                }
            } catch let error as ProvisionError where error.code != .interrupted {
                context.progress.warn("the advisories of repository \"\(snapshot.id)\" can't be had: \(error)")
            }
        }
        return packages
    }

    private func snapshots(
        without: (RepositoryConfiguration, ProvisionError) -> Bool = { _, _ in false }
    ) throws -> [RepositorySnapshot] {
        try loader.load(try configuration.effectiveRepositories(), without: without)
    }

    private func index(_ snapshots: [RepositorySnapshot], withDetails: Bool = false, withFilelists: Bool = false) throws
        -> PackageIndex
    {
        try PackageIndex(
            snapshots.map { $0.solverSource(loader) }, architecture: configuration.architecture.native,
            excludes: request.excludes, modules: try moduleRequest(snapshots),
            withDetails: withDetails, withFilelists: withFilelists, cache: context.cache.appending("solv"),
            progress: context.progress)
    }

    private func moduleRequest(_ snapshots: [RepositorySnapshot]) throws -> ModuleRequest? {
        try ModuleWords(
            [], snapshots: snapshots, platform: configuration.main.modulePlatform, cache: context.cache,
            progress: context.progress
        ).request
    }
}
