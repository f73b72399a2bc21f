internal import Configuration
internal import Diagnostics
internal import Repositories
internal import Solving
internal import SystemPackage

/// Looks into repositories that are switched off, as far as their metadata is in the cache: nothing is fetched for a hint.
struct DisabledRepositories {
    private let preparation: BuildPreparation
    private let loader: RepositoryLoader
    private let cache: FilePath

    init(_ preparation: BuildPreparation, loader: RepositoryLoader, cache: FilePath) {
        self.preparation = preparation
        self.loader = loader
        self.cache = cache
    }

    /// Where a spec that no enabled repository answers can be had, as a hint; nil where that isn't known.
    func hint(for request: SolveRequest) throws -> String? {
        let configuration = preparation.configuration
        let cached = configuration.repositories.filter { !$0.enabled }.compactMap { repository -> RepositorySnapshot? in
            do {
                return try loader.load([configuration.expanded(repository)], freshness: .offline).first
            } catch {
                // Not in the cache, or not usable: then there is no hint, and the refusal itself stands.
                return nil
            }
        }
        guard !cached.isEmpty else { return nil }
        let enabled = try index(request.repositories)
        let unknown = request.specs.filter { enabled.packages(matching: $0).isEmpty }
        for snapshot in cached where !unknown.isEmpty {
            let disabled = try index([snapshot.solverSource(loader)])
            guard let spec = unknown.first(where: disabled.offers) else { continue }
            return "repository \"\(snapshot.id)\" has \"\(spec)\" and is switched off: add --enable-repo \(snapshot.id)"
        }
        return nil
    }

    private func index(_ sources: [RepositorySource]) throws -> PackageIndex {
        try PackageIndex(
            sources, architecture: preparation.configuration.architecture.native, withDetails: false,
            cache: cache.appending("solv"))
    }
}
