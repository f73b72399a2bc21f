internal import Diagnostics
internal import Glibc
internal import Layers
internal import Model
internal import Solving
internal import Synchronization
internal import System

extension Builder {
    /// Makes a layer for each request, which differ in name, packages and groups only: with one load of metadata, one queue of
    /// downloads in which each package comes once, and as many transactions at once as there are processors.
    ///
    /// Each request is resolved before anything is made. After that one that fails doesn't stop the others.
    /// - Throws: as `build` for whatever is wrong before the first layer is begun; afterwards one error that names what could not
    ///   be made and what was, with the code of the first that failed.
    public func build(each requests: [BuildRequest]) throws -> [BuildAnswer] {
        guard let first = requests.first else { return [] }
        for request in requests { try LayerName.check(request.name) }
        let names = Dictionary(grouping: requests, by: \.name)
        if let twice = requests.first(where: { names[$0.name]!.count > 1 }) {
            throw ProvisionError(
                .usage, "two layers would be called \"\(twice.name)\"", hint: "name each package, or each first package, once")
        }
        try sweep()
        // In one order, so that two such runs never wait for each other.
        let locks = try Locks(requests.sorted { $0.name < $1.name }, lock)
        return try withExtendedLifetime(locks) { try buildLocked(requests, first) }
    }

    /// Keeps locks, which can't be in an array.
    private final class Locks {
        private let held: [Held]
        private final class Held {
            let lock: FileLock
            init(_ lock: consuming FileLock) { self.lock = lock }
        }

        init(_ requests: [BuildRequest], _ take: (BuildRequest) throws -> FileLock) throws {
            held = try requests.map { Held(try take($0)) }
        }
    }

    private func buildLocked(_ requests: [BuildRequest], _ first: BuildRequest) throws -> [BuildAnswer] {
        let common = try BuildPreparation(first, context: context, store: store, progress: clock)
        var builds: [LayerBuild] = []
        var answers: [String: BuildAnswer] = [:]
        let installed = InstalledCount(clock)
        for request in requests {
            let clock = PhaseClock(NamedProgress(request.name, clock, installed))
            let preparation = try BuildPreparation(request, beside: common, progress: clock)
            let build = LayerBuild(preparation, context: context, store: store, clock: clock)
            if let answer = try build.existing() { answers[request.name] = answer } else { builds.append(build) }
        }
        let failures = try run(builds, common, installed, answers: &answers)
        guard failures.isEmpty else { throw summary(failures, answers: answers, of: requests) }
        return requests.compactMap { answers[$0.name] }
    }

    private func run(
        _ builds: [LayerBuild], _ common: BuildPreparation, _ installed: InstalledCount, answers: inout [String: BuildAnswer]
    ) throws -> [(name: String, error: ProvisionError)] {
        if builds.isEmpty { return [] }
        let session = SolveSession()
        let packages = try clock.phase(.resolve) {
            let packages = try builds.flatMap { build in
                do { return try build.solve(session) } catch var error as ProvisionError {
                    error.message = "\(build.request.name): \(error.message)"
                    throw error
                }
            }
            let different = packages.uniqued(by: \.checksum).count
            return (packages, note: "\(count(different, "package")) for \(count(builds.count, "layer"))")
        }
        let pipeline = try pipeline(packages, of: common)
        defer { pipeline.end() }
        var waiting = builds[...]
        var running: [(build: LayerBuild, delivery: PackageDelivery)] = []
        var failures: [(name: String, error: ProvisionError)] = []
        let slots = processorCount()
        clock.report(.began(.install, total: UInt64(builds.reduce(0) { $0 + ($1.solution?.plan.packages.count ?? 0) })))
        func fail(_ build: LayerBuild, _ error: any Error) throws {
            build.discard(after: error)
            let error = error as? ProvisionError ?? ProvisionError(.failed, "\(error)")
            if error.code == .interrupted { throw error }
            failures.append((build.request.name, error))
        }
        do {
            while !waiting.isEmpty || !running.isEmpty {
                while running.count < slots, let build = waiting.popFirst() {
                    do {
                        try build.start()
                        let delivery = try build.delivery()
                        running.append((build, delivery))
                        pipeline.add(delivery)
                    } catch { try fail(build, error) }
                }
                try pipeline.step()
                for (build, delivery) in running where delivery.isOver {
                    do {
                        if let failure = delivery.failure { throw failure }
                        answers[build.request.name] = try build.finish(downloaded: 0)
                    } catch { try fail(build, error) }
                }
                running.removeAll { $0.delivery.isOver }
            }
        } catch {
            clock.report(.ended(.install, note: nil))
            for (build, _) in running { build.discard(after: error) }
            throw error
        }
        // What came over the wire came for all of them: it is told with the first.
        if let first = builds.first(where: { answers[$0.request.name] != nil }) {
            answers[first.request.name]?.downloadedBytes = pipeline.downloadedBytes
        }
        clock.report(.ended(.install, note: failures.isEmpty ? count(builds.count, "layer") : nil))
        return failures
    }

    private func summary(
        _ failures: [(name: String, error: ProvisionError)], answers: [String: BuildAnswer], of requests: [BuildRequest]
    ) -> ProvisionError {
        let made = requests.map(\.name).filter { answers[$0] != nil }
        return ProvisionError(
            failures[0].error.code, "\(failures.count) of \(count(requests.count, "layer")) could not be made",
            hint: made.isEmpty ? failures[0].error.hint : "these are there: \(made.joined(separator: ", "))",
            causes: failures.flatMap { ["\($0.name): \($0.error.message)"] + $0.error.causes })
    }
}

/// How many packages of all layers are installed, for the one phase that is told of.
private final class InstalledCount: Sendable {
    private let next: any ProgressSink
    private let counts = Mutex<[String: UInt64]>([:])

    init(_ next: any ProgressSink) { self.next = next }

    func advanced(_ layer: String, to completed: UInt64, item: String?) {
        let sum = counts.withLock { counts in
            counts[layer] = completed
            return counts.values.reduce(0, +)
        }
        next.report(.advanced(.install, completed: sum, item: item.map { "\(layer): \($0)" }))
    }
}

/// What one of several layers has to tell: its warnings and details by its name. Phases are told for all of them together.
private final class NamedProgress: ProgressSink {
    private let name: String
    private let next: any ProgressSink
    private let installed: InstalledCount

    init(_ name: String, _ next: any ProgressSink, _ installed: InstalledCount) {
        self.name = name
        self.next = next
        self.installed = installed
    }

    func report(_ event: ProgressEvent) {
        switch event {
        case .warning(let text, let hint): next.report(.warning("\(name): \(text)", hint: hint))
        case .detail(let text): next.report(.detail("\(name): \(text)"))
        case .advanced(.install, let completed, let item): installed.advanced(name, to: completed, item: item)
        case .began, .advanced, .ended: break
        }
    }
}
