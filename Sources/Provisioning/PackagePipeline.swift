internal import Diagnostics
internal import Installing
internal import Model
internal import Repositories
internal import System
internal import SystemPackage
internal import Transfer

/// The way of packages from mirrors and the cache into one root or several: fetched, verified and installed at the same time.
///
/// Heads come first, since rpm orders a transaction by headers. Then packages arrive in that order, each is verified while
/// earlier ones are installed, and rpm waits for whichever it needs next. What several roots need is fetched once.
final class PackagePipeline {
    private let cache: PackageCache
    private let requests: [TransferRequest]
    /// What is fetched, in the order of the requests.
    private let missing: [ContentDigest]
    /// The place of each among them.
    private let places: [ContentDigest: Int]
    private let session: TransferSession?
    private let progress: any ProgressSink
    private var deliveries: [PackageDelivery] = []
    private var heads: Set<ContentDigest> = []
    private var failures: [ContentDigest: ProvisionError] = [:]
    private var orderChanges = 0
    private var isFetching: Bool
    private let words: String
    /// Bytes that came over the wire.
    private(set) var downloadedBytes: UInt64 = 0

    /// Begins to fetch what the cache doesn't have of these packages, each once.
    init(
        _ packages: [PlannedPackage], cache: PackageCache, downloader: Downloader, progress: any ProgressSink,
        request: (PlannedPackage) throws -> TransferRequest
    ) throws {
        self.cache = cache
        self.progress = progress
        let packages = packages.uniqued(by: \.checksum)
        let missing = packages.filter { !cache.holds($0) }
        self.missing = missing.map(\.checksum)
        places = Dictionary(uniqueKeysWithValues: missing.enumerated().map { ($1.checksum, $0) })
        requests = try missing.map(request)
        words = "\(missing.count) of \(packages.count) packages"
        isFetching = !missing.isEmpty
        try Files.makeDirectory(cache.directory)
        guard isFetching else {
            session = nil
            progress.detail("all packages are in the cache")
            return
        }
        session = try downloader.session(requests)
        progress.report(.began(.download, total: missing.reduce(0) { $0 + $1.size }))
        // Nobody has asked for an order yet: the largest takes longest.
        session?.prioritise(missing.indices.sorted { missing[$0].size > missing[$1].size })
        try session?.begin()
    }

    deinit { end() }

    /// Takes on a transaction that waits for packages of the pipeline's.
    func add(_ delivery: PackageDelivery) {
        deliveries.append(delivery)
        for digest in delivery.packages.map(\.checksum) {
            if let error = failures[digest] { return delivery.fail(error) }
            if isFetching, heads.contains(digest) { delivery.headArrived(digest) }
            let comes = isFetching && places[digest] != nil
            if !comes || Files.exists(cache.path(for: digest)) {
                delivery.packageArrived(digest, wasThere: !comes || !heads.contains(digest))
            }
        }
        prioritise()
    }

    /// Moves everything on, after waiting until there is something to do.
    ///
    /// - Throws: `.interrupted`, and trouble with our own files. What fails one transaction is kept with its delivery.
    func step() throws {
        let open = deliveries.filter { !$0.isOver }
        if isFetching, let session {
            let awaited = open.flatMap(\.installation.awaited).map(AwaitedDescriptor.init)
            for event in try session.step(waitingFor: awaited) { take(event) }
            if session.isDone { endFetching() }
        } else {
            try Interruption.check()
            Installation.wait(for: open.map(\.installation))
        }
        for delivery in open { delivery.step() }
        if isFetching, deliveries.reduce(0, { $0 + $1.orderChanges }) > orderChanges { prioritise() }
    }

    /// Whether nothing is fetched any more.
    var hasFetched: Bool { !isFetching }

    /// What couldn't be had, in the order of the requests.
    var missed: [(label: String, error: ProvisionError)] {
        zip(requests, missing).compactMap { request, digest in failures[digest].map { (request.label, $0) } }
    }

    /// Ends all that is under way; parts of files stay.
    func end() {
        session?.close()
        if isFetching { progress.report(.ended(.download, note: nil)) }
        isFetching = false
        for delivery in deliveries where !delivery.isOver { delivery.installation.cancel() }
    }

    private func take(_ event: TransferSession.Event) {
        switch event {
        case .head(let request):
            heads.insert(missing[request])
            for delivery in deliveries { delivery.headArrived(missing[request]) }
        case .settled(let request, .success(let result)):
            downloadedBytes += result.downloadedBytes
            let digest = missing[request]
            for delivery in deliveries { delivery.packageArrived(digest, wasThere: !heads.contains(digest)) }
        case .settled(let request, .failure(let error)):
            failures[missing[request]] = error
            for delivery in deliveries where delivery.needs(missing[request]) { delivery.fail(error) }
        }
    }

    /// Fetches first what the first transaction wants first.
    private func prioritise() {
        guard isFetching, let session else { return }
        orderChanges = deliveries.reduce(0) { $0 + $1.orderChanges }
        let wanted = deliveries.filter { !$0.isOver }.flatMap(\.order) + missing
        session.prioritise(wanted.compactMap { places[$0] }.uniqued { $0 })
    }

    private func endFetching() {
        isFetching = false
        session?.close()
        let note = failures.isEmpty ? "\(words), \(formatted(bytes: downloadedBytes))" : nil
        progress.report(.ended(.download, note: note))
    }
}
