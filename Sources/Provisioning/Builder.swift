internal import Configuration
internal import Diagnostics
internal import Glibc
internal import Installing
internal import Layers
internal import Model
internal import Solving
internal import System
internal import SystemPackage
internal import Transfer

/// The work flow of `base`, `app` and `plan`: configuration, repositories, plan, packages, root, layer.
///
/// The process must be in a mount namespace of its own (`PrivateMounts.enter()`): an app's overlay is mounted in it.
public struct Builder {
    let context: Context
    let clock: PhaseClock
    let store: LayerStore

    public init(context: Context) {
        self.context = context
        clock = PhaseClock(context.progress)
        store = LayerStore(state: context.state, progress: context.progress)
    }

    /// What a build would install. Downloads metadata only and writes no layer.
    ///
    /// - Throws: `.unsatisfiable`, `.unreachable`, `.verification`, `.configuration`, `.usage`, `.interrupted`.
    public func plan(_ request: BuildRequest) throws -> BuildAnswer {
        let preparation = try BuildPreparation(request, context: context, store: store, progress: clock)
        let plan = try preparation.solve().plan
        try warnOfDatabase(preparation, plan)
        return BuildAnswer(preparation, plan: plan, clock: clock)
    }

    /// Says what a build would find out at its end: that nothing in the root will be able to write the release's kind of database.
    private func warnOfDatabase(_ preparation: BuildPreparation, _ plan: Plan) throws {
        guard preparation.configuration.database.backend == "bdb" else { return }
        let below = try preparation.parent.map { try store.chain(of: $0).layers.flatMap(\.manifest.packages) } ?? []
        if (plan.packages + below).contains(where: { $0.nevra.name == "rpm" }) { return }
        clock.warn(
            "the root will hold no rpm of its own, which alone can write a Berkeley DB: its rpm database will be of type sqlite",
            hint: "with the package \"rpm\" it will be what the release's own tools read")
    }

    /// Makes the layer, or answers with one that fits the request already.
    ///
    /// - Throws: as `plan`, and `.conflict` where a layer of that name is needed by others; nothing is left behind then.
    public func build(_ request: BuildRequest) throws -> BuildAnswer {
        try LayerName.check(request.name)
        try sweep()
        let lock = try lock(request)
        return try withExtendedLifetime(lock) { try buildLocked(request) }
    }

    private func buildLocked(_ request: BuildRequest) throws -> BuildAnswer {
        // Its manifest is read while the processes start; the preparation finds it in memory.
        let parent: Alongside<Layer, ProvisionError>? =
            if case .app(let name) = request.kind {
                Alongside { [store] () throws(ProvisionError) in try store.layer(named: name) }
            } else { nil }
        // Where there is a layer of that name it most likely is the answer.
        let processes =
            try geteuid() == 0 && (request.fresh || store.layerIfPresent(request.name) == nil) ? InstallProcesses() : nil
        _ = try parent?.value()
        let preparation = try BuildPreparation(request, context: context, store: store, progress: clock)
        let build = LayerBuild(preparation, context: context, store: store, clock: clock)
        if let answer = try build.existing() { return answer }
        do {
            try build.start(processes)
            let packages = try build.solve()
            let pipeline = try pipeline(packages, of: preparation)
            defer { pipeline.end() }
            let delivery = try build.delivery()
            pipeline.add(delivery)
            // A lock's packages that can't be had are named all together.
            while !delivery.isOver || (preparation.request.lock != nil && !pipeline.hasFetched) { try pipeline.step() }
            if let failure = delivery.failure {
                throw preparation.request.lock != nil && !pipeline.missed.isEmpty
                    ? LockedFetch.error(pipeline.missed, progress: clock) : failure
            }
            return try build.finish(downloaded: pipeline.downloadedBytes)
        } catch {
            build.discard(after: error)
            throw error
        }
    }

    // MARK: - What one build and several have in common

    /// Removes what dead runs left.
    func sweep() throws {
        for words in try store.sweep().removed { clock.detail("removed what a dead run left: \(words)") }
    }

    /// Takes the name of the layer that is to be made.
    func lock(_ request: BuildRequest) throws -> FileLock {
        try store.lock(request.name, words: request.command) { holder in
            clock.warn("waiting for another run that makes \"\(request.name)\": \(holder)")
        }
    }

    func pipeline(_ packages: [PlannedPackage], of preparation: BuildPreparation) throws -> PackagePipeline {
        let cache = PackageCache(cache: context.cache)
        return try PackagePipeline(packages, cache: cache, downloader: preparation.downloader, progress: clock) {
            try preparation.transfer(of: $0, to: cache)
        }
    }
}

extension Array {
    /// The first of each key, in order.
    func uniqued<Key: Hashable>(by key: (Element) -> Key) -> [Element] {
        var seen: Set<Key> = []
        return filter { seen.insert(key($0)).inserted }
    }
}
