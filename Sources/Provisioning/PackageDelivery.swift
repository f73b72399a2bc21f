internal import Diagnostics
internal import Installing
internal import Model
internal import Repositories
internal import SystemPackage
internal import Transfer

/// One plan's packages on their way into its transaction: what has come is handed over, the most urgent first.
final class PackageDelivery {
    /// Packages that are handed over and not verified yet, at most: one that is needed sooner mustn't wait behind all that came.
    private static let window = 8

    let installation: Installation
    let packages: [PlannedPackage]
    private let cache: PackageCache
    private let places: [ContentDigest: Int]
    /// Whole in the cache and not handed over yet.
    private var arrived: Set<Int> = []
    /// Those that came as a whole, handed over or not. Another run may put a file into the cache between two looks at it: then it
    /// is told of twice.
    private var whole: Set<Int> = []
    /// Those whose heads were no good: the whole package tells whose fault that is.
    private var refused: Set<Int> = []
    private var delivered = 0
    /// Why it was given up.
    private(set) var failure: ProvisionError?

    /// - Parameters:
    ///   - packages: those of `plan`, in its order.
    ///   - installation: begun by this.
    init(_ packages: [PlannedPackage], plan: InstallPlan, into installation: Installation, cache: PackageCache) throws {
        self.packages = packages
        self.installation = installation
        self.cache = cache
        places = Dictionary(packages.enumerated().map { ($1.checksum, $0) }) { first, _ in first }
        try installation.begin(plan, packagesBelow: cache.directory)
    }

    /// Whether its transaction has ended, well or not.
    var isOver: Bool { failure != nil || installation.isDone }

    func needs(_ digest: ContentDigest) -> Bool { places[digest] != nil }

    /// The packages' digests in the order in which they are wanted; the largest first as long as that isn't known: what takes
    /// longest holds up the most when it begins late.
    ///
    /// Before all others those without which there will be no order.
    var order: [ContentDigest] {
        guard let order = installation.order else {
            let urgent = refused.map { packages[$0] }
            return (urgent + packages.sorted { $0.size > $1.size }).map(\.checksum).uniqued { $0 }
        }
        return order.map { packages[$0].checksum }
    }

    /// Grows when `order` changes.
    var orderChanges: Int { refused.count + (installation.order == nil ? 0 : packages.count) }

    /// The beginning of a package is there, header included.
    func headArrived(_ digest: ContentDigest) {
        guard failure == nil, let place = places[digest], !whole.contains(place) else { return }
        let path = cache.path(for: digest)
        // It is renamed when the rest has come, which may be before its turn.
        installation.deliverHead(place, at: [FilePath(path.string + TransferRequest.partSuffix), path])
    }

    /// A package is there as a whole. `wasThere`: before anything else of it was.
    func packageArrived(_ digest: ContentDigest, wasThere: Bool = false) {
        guard failure == nil, let place = places[digest], whole.insert(place).inserted else { return }
        if wasThere || refused.contains(place) { installation.deliverHead(place, at: [cache.path(for: digest)], isWhole: true) }
        arrived.insert(place)
    }

    /// Hands over what there is room for, and listens. A failure of the transaction is kept, not thrown.
    func step() {
        if isOver { return }
        let room = PackageDelivery.window - (delivered - installation.verified)
        if room > 0, !arrived.isEmpty {
            for place in (installation.order ?? Array(packages.indices)).filter(arrived.contains).prefix(room) {
                installation.deliverPackage(place, at: cache.path(for: packages[place].checksum))
                arrived.remove(place)
                delivered += 1
            }
        }
        do { try installation.step() } catch { fail(error) }
        for place in installation.takeRefusedHeads() {
            refused.insert(place)
            guard whole.contains(place) else { continue }
            installation.deliverHead(place, at: [cache.path(for: packages[place].checksum)], isWhole: true)
        }
    }

    /// Gives it up.
    func fail(_ error: any Error) {
        if failure != nil { return }
        failure = error as? ProvisionError ?? ProvisionError(.failed, "\(error)")
        installation.cancel()
    }
}
