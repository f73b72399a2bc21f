internal import Configuration
internal import Diagnostics
internal import Layers
internal import Model
internal import Repositories
internal import Solving
internal import System

/// The work flow of `lock`: resolves a request and writes down the answer instead of building it.
public struct Locker {
    private let context: Context
    private let store: LayerStore

    public init(context: Context) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
    }

    /// The lock of what a build would install now. Downloads metadata and keys, no packages.
    ///
    /// - Throws: as `Builder.plan`.
    public func lock(_ request: BuildRequest) throws -> LockFile {
        try lock(request, freshness: .useCache, pins: [])
    }

    /// The lock made again of the same request, after asking the repositories for what is new.
    ///
    /// - Parameters:
    ///   - asked: options of the command line that come on top of the lock's request (a -c, another mirror).
    ///   - names: only these packages may change; empty lets all.
    /// - Throws: as `Builder.plan`; `.usage` for a name that the lock doesn't have.
    public func update(_ lock: LockFile, _ asked: BuildRequest, only names: [String]) throws -> LockFile {
        try lock.checkConfigurationFile(asked)
        let known = Set(lock.packages.map(\.nevra.name))
        for name in names where !known.contains(name) {
            throw ProvisionError(
                .usage, "the lock has no package \"\(name)\"",
                hint: nearest(to: name, in: known.sorted()).map { "did you mean \"\($0)\"?" })
        }
        let pins = names.isEmpty ? [] : lock.packages.map(\.nevra).filter { !names.contains($0.name) }
        return try self.lock(lock.request.completing(asked), freshness: .refresh, pins: pins)
    }

    private func lock(_ request: BuildRequest, freshness: Freshness, pins: [NEVRA]) throws -> LockFile {
        let clock = PhaseClock(context.progress)
        let preparation = try BuildPreparation(
            request, context: context, store: store, progress: clock, freshness: freshness)
        let plan = try preparation.solve(pinning: pins).plan
        var keys: [LockFile.Key] = []
        var repositories: [LockFile.Repository] = []
        for snapshot in preparation.snapshots {
            let own = try preparation.pinnedKeys(of: snapshot.id)
            keys += own.map { key, reference in
                LockFile.Key(
                    fingerprint: key.fingerprint, owner: key.userID, url: withoutUser(reference.url), file: reference.fileName)
            }
            repositories.append(
                LockFile.Repository(
                    id: snapshot.id, urls: places(of: snapshot), repomd: snapshot.repomdDigest, revision: snapshot.revision,
                    timestamp: snapshot.timestamp, keys: own.map(\.key.fingerprint).sorted()))
        }
        return LockFile(
            request: LockRequest(request, preparation.configuration, parent: preparation.parent), repositories: repositories,
            keys: keys.uniqued(by: \.fingerprint), packages: plan.packages, selection: plan.selection)
    }

    /// The configuration's own URLs in its order; of a mirror list some, in an order that doesn't hang on who answered first.
    private func places(of snapshot: RepositorySnapshot) -> [String] {
        let own = snapshot.configuration.baseURLs
        return (own.isEmpty ? snapshot.baseURLs.prefix(8).sorted() : own).map(withoutUser)
    }
}
