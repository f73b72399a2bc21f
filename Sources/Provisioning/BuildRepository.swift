internal import Configuration
internal import Model
internal import Repositories
internal import Solving

/// A repository as a build's steps need it once it is known which packages come from it: how to fetch and to check them.
struct BuildRepository {
    let configuration: RepositoryConfiguration
    let source: PackageSource
    /// The newest of its metadata's timestamps, seconds since 1970; 0 where it has none.
    let timestamp: UInt64
}

extension RepositorySnapshot {
    /// What the solver is told of it; file lists are fetched when it asks.
    func solverSource(_ loader: RepositoryLoader) -> RepositorySource {
        // The solver runs on this thread; the compiler can't see that.
        nonisolated(unsafe) let loader = loader
        return RepositorySource(
            id: id, priority: configuration.priority, cost: configuration.cost, primary: primary.path,
            generation: repomdDigest.hex, excludes: configuration.excludePackages, includes: configuration.includePackages,
            filelists: { filelists == nil ? nil : try loader.filelists(of: self) },
            verify: { try primary.verify(as: "primary metadata of repository \"\(id)\"") })
    }
}
