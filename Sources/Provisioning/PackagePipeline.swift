internal import Diagnostics
internal import Installing
internal import Model
internal import Repositories
internal import System
internal import SystemPackage
internal import Transfer

/// The way of a plan's packages from mirrors and the cache into a root: fetched, verified and installed at the same time.
///
/// Heads come first, since rpm orders a transaction by headers. Then packages arrive in that order, each is verified while
/// earlier ones are installed, and rpm waits for whichever it needs next.
final class PackagePipeline {
    /// Packages that are handed over and not verified yet, at most: one that is needed sooner mustn't wait behind all that came.
    private static let window = 8

    private let installation: Installation
    private let cache: PackageCache
    private let packages: [PlannedPackage]
    /// Of the packages that have to be fetched: their places among `packages`, in the order of the requests.
    private let missing: [Int]
    private let requests: [TransferRequest]
    /// Whole in the cache and not handed over yet.
    private var arrived: Set<Int>
    private var delivered = 0
    private var isOrdered = false

    /// - Parameter installation: begun by this, with the same packages in the same order.
    init(
        _ packages: [PlannedPackage], into installation: Installation, plan: InstallPlan, cache: PackageCache,
        request: (PlannedPackage) throws -> TransferRequest
    ) throws {
        self.installation = installation
        self.packages = packages
        self.cache = cache
        missing = packages.indices.filter { !cache.holds(packages[$0]) }
        requests = try missing.map { try request(packages[$0]) }
        arrived = Set(packages.indices).subtracting(missing)
        try Files.makeDirectory(cache.directory)
        try installation.begin(plan, packagesBelow: cache.directory)
        for index in packages.indices where arrived.contains(index) {
            installation.deliverHead(index, at: [cache.path(for: packages[index].checksum)], isWhole: true)
        }
    }

    /// Bytes to fetch.
    var missingBytes: UInt64 { missing.reduce(0) { $0 + packages[$1].size } }
    var missingCount: Int { missing.count }

    /// Runs it to its end.
    ///
    /// - Parameter waitsForAll: whether a package that can't be had lets the others arrive first, so that all that are missing
    ///   can be named together (a lock's).
    /// - Returns: the bytes that came over the wire, and what failed in the root without stopping rpm.
    func run(
        _ downloader: Downloader, progress: any ProgressSink, waitsForAll: Bool
    ) throws -> (downloaded: UInt64, warnings: [String]) {
        defer { installation.cancel() }
        var bytes: UInt64 = 0
        if missing.isEmpty {
            progress.detail("all packages are in the cache")
        } else {
            let words = "\(missing.count) of \(packages.count) packages"
            bytes = try progress.phase(.download, total: missingBytes) {
                let bytes = try fetch(downloader, progress, waitsForAll: waitsForAll)
                return (bytes, note: "\(words), \(formatted(bytes: bytes))")
            }
        }
        while !installation.isDone {
            try Interruption.check()
            installation.wait()
            try step()
        }
        return (bytes, try installation.finish().warnings)
    }

    /// Until the last missing package has arrived; the bytes that came over the wire.
    private func fetch(_ downloader: Downloader, _ progress: any ProgressSink, waitsForAll: Bool) throws -> UInt64 {
        let session = try downloader.session(requests)
        defer { session.close() }
        var failed = false
        while !session.isDone {
            for event in try session.step(waitingFor: failed ? [] : installation.awaited.map(AwaitedDescriptor.init)) {
                switch event {
                case .head(let request): head(request)
                case .settled(let request, .success): arrived.insert(missing[request])
                case .settled(_, .failure(let error)):
                    guard waitsForAll else { throw error }
                    failed = true
                    installation.cancel()
                }
            }
            if failed { continue }
            try step()
            if !isOrdered, let order = installation.order {
                isOrdered = true
                let requestOf = Dictionary(uniqueKeysWithValues: missing.enumerated().map { ($1, $0) })
                session.prioritise(order.compactMap { requestOf[$0] })
            }
        }
        if failed { throw missingOfLock(session.results, progress) }
        return try session.results.reduce(0) { $0 + (try $1.get().downloadedBytes) }
    }

    private func head(_ request: Int) {
        let destination = requests[request].destination
        // It is renamed when the rest has come, which may be before its turn.
        installation.deliverHead(
            missing[request], at: [FilePath(destination.string + TransferRequest.partSuffix), destination])
    }

    /// Hands over what is there, the most urgent first.
    private func step() throws {
        let room = PackagePipeline.window - (delivered - installation.verified)
        if room > 0, !arrived.isEmpty {
            let order = installation.order ?? Array(packages.indices)
            for index in order.lazy.filter({ self.arrived.contains($0) }).prefix(room) {
                installation.deliverPackage(index, at: cache.path(for: packages[index].checksum))
                arrived.remove(index)
                delivered += 1
            }
        }
        try installation.step()
    }

    private func missingOfLock(
        _ results: [Result<TransferResult, ProvisionError>], _ progress: any ProgressSink
    ) -> ProvisionError {
        LockedFetch.error(
            zip(requests, results).compactMap { request, result in
                if case .failure(let error) = result { return (request.label, error) }
                return nil
            }, progress: progress)
    }
}
