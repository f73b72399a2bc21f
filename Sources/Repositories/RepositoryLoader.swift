public import Configuration
public import Diagnostics
internal import Model
internal import System
public import SystemPackage
public import Transfer

/// Loads repositories: mirrors, the signed index, and the files that it pins, by way of a cache outside of every root.
///
/// Where all is cached and not expired, nothing is fetched, hashed or verified again: a few small files are read.
public final class RepositoryLoader {
    private let cache: FilePath
    private let downloader: Downloader
    private let index: IndexLoader
    private let policy: MetadataPolicy
    private let progress: any ProgressSink
    private var fileBytes: UInt64 = 0
    private var use: CacheUse?
    /// Bytes of content that came over the wire so far.
    public var downloadedBytes: UInt64 { index.downloadedBytes + fileBytes }

    /// - Parameters:
    ///   - cache: provision's cache directory.
    ///   - keys: finds the keys of repositories whose index must be signed; nil makes one over the same cache.
    public init(
        cache: FilePath, downloader: Downloader, keys: KeyFinder? = nil, policy: MetadataPolicy = MetadataPolicy(),
        progress: any ProgressSink = SilentProgress()
    ) {
        self.cache = cache
        self.downloader = downloader
        self.policy = policy
        self.progress = progress
        index = IndexLoader(
            cache: cache, downloader: downloader, keys: keys ?? KeyFinder(cache: cache, downloader: downloader),
            policy: policy, progress: progress)
    }

    /// All of `repositories`, in their order, without those that may be skipped and can't be reached.
    ///
    /// - Parameter without: asked of each repository that can't be loaded: true goes on without it.
    /// - Throws: `.unreachable` where every mirror of a repository failed, `.verification` where its signature, a digest or
    ///   its age is refused; both name the repository.
    public func load(
        _ repositories: [RepositoryConfiguration], freshness: Freshness = .useCache,
        without: (RepositoryConfiguration, ProvisionError) -> Bool = { _, _ in false }
    ) throws -> [RepositorySnapshot] {
        try beginUse()
        progress.report(.began(.metadata, total: nil))
        var note: String?
        defer { progress.report(.ended(.metadata, note: note)) }
        let before = downloadedBytes
        var generations: [Int: Generation] = [:]
        var refused: Set<Int> = []
        for (number, repository) in repositories.enumerated() {
            do throws(ProvisionError) {
                generations[number] = try index.cached(repository, freshness: freshness)
            } catch {
                try skip(repository, for: error, without)
                refused.insert(number)
            }
        }
        let cached = Set(generations.keys)
        let stale = repositories.indices.filter { !cached.contains($0) && !refused.contains($0) }
        try fetchIndexes(of: stale, repositories, freshness, into: &generations, without)
        var snapshots = try fetchFiles(repositories, generations, mayFail: cached, offline: freshness == .offline, without)
        // A cached index may name files that the mirrors have replaced since.
        let outdated = cached.filter { snapshots[$0] == nil }.sorted()
        if !outdated.isEmpty {
            var again: [Int: Generation] = [:]
            try fetchIndexes(of: outdated, repositories, .refresh, into: &again, without)
            snapshots.merge(try fetchFiles(repositories, again, mayFail: [], offline: false, without)) { $1 }
        }
        let loaded = repositories.indices.compactMap { snapshots[$0] }
        let amount = downloadedBytes - before
        note =
            "\(loaded.count) of \(repositories.count) repositories, "
            + (amount == 0 ? "from the cache" : "\(formatted(bytes: amount)) downloaded")
        return loaded
    }

    /// From now until this loader goes, `CacheSweep` leaves the cache alone.
    private func beginUse() throws(ProvisionError) {
        guard use == nil else { return }
        do throws(ProvisionError) {
            use = try CacheUse(of: cache)
        } catch {
            guard error.code != .interrupted else { throw error }
            // A cache that can only be read is of use too.
            progress.detail("the cache is not kept from being swept: \(error)")
        }
    }

    /// The file lists of a snapshot, fetched at the first call.
    ///
    /// - Throws: as `load`; `.failed` where the repository has none.
    public func filelists(of snapshot: RepositorySnapshot) throws -> FilePath {
        guard let record = snapshot.filelists else {
            throw ProvisionError(.failed, "\(snapshot.configuration.label) has no file lists")
        }
        return try file(record, of: snapshot, called: "file lists").path
    }

    /// The advisories of a snapshot, fetched at the first call; none where the repository has no updateinfo.
    ///
    /// - Throws: as `load`; `.failed` where they can't be read.
    public func advisories(of snapshot: RepositorySnapshot) throws -> AdvisoryList {
        guard let record = snapshot.updateinfo else { return AdvisoryList() }
        let label = snapshot.configuration.label
        let file = try file(record, of: snapshot, called: "advisories")
        let source = "the advisories of \(label)"
        return try AdvisoryList(
            parsing: try Decompression.read(file.path, limit: file.limit(AdvisoryList.limit), source: source), source: source)
    }

    /// A file that is fetched at its first use.
    private func file(
        _ record: Repomd.Record, of snapshot: RepositorySnapshot, called name: String
    ) throws -> MetadataFile {
        let file = try metadataFile(record, of: snapshot.configuration)
        if try file.isPresent() {
            try file.verify(as: "\(name) of \(snapshot.configuration.label)")
        } else {
            let result = try downloader.attempt([try request(record, file, of: snapshot)], phase: .metadata)
            fileBytes += try result.map { try $0.get().downloadedBytes }.reduce(0, +)
        }
        return file
    }

    // MARK: - The index

    private func fetchIndexes(
        of numbers: [Int], _ repositories: [RepositoryConfiguration], _ freshness: Freshness,
        into generations: inout [Int: Generation], _ without: (RepositoryConfiguration, ProvisionError) -> Bool
    ) throws {
        guard !numbers.isEmpty else { return }
        let results: [Result<Generation, ProvisionError>]
        if freshness == .offline {
            results = numbers.map { number in
                .failure(
                    ProvisionError(
                        .unreachable,
                        "the metadata of \(repositories[number].label) is not in the cache, and nothing is fetched"))
            }
        } else {
            results = try index.fetch(numbers.map { repositories[$0] })
        }
        for (number, result) in zip(numbers, results) {
            switch result {
            case .success(let generation): generations[number] = generation
            case .failure(let error): try skip(repositories[number], for: error, without)
            }
        }
    }

    /// Goes on without the repository where it may be missing; throws otherwise. What was refused is never skipped silently.
    private func skip(
        _ repository: RepositoryConfiguration, for error: ProvisionError,
        _ without: (RepositoryConfiguration, ProvisionError) -> Bool
    ) throws(ProvisionError) {
        if error.code != .interrupted, without(repository, error) { return }
        guard repository.skipIfUnavailable, error.code == .unreachable else { throw error }
        progress.warn("\(repository.label) is left out: \(error)", hint: "skip_if_unavailable is set for it")
    }

    // MARK: - The files

    /// Fetches what is missing, of all repositories in one go. A repository whose number is in `mayFail` is left out of the
    /// answer when one of its files can't be had.
    private func fetchFiles(
        _ repositories: [RepositoryConfiguration], _ generations: [Int: Generation], mayFail: Set<Int>, offline: Bool,
        _ without: (RepositoryConfiguration, ProvisionError) -> Bool
    ) throws -> [Int: RepositorySnapshot] {
        var snapshots: [Int: RepositorySnapshot] = [:]
        var requests: [(number: Int, request: TransferRequest)] = []
        for (number, generation) in generations.sorted(by: { $0.key < $1.key }) {
            let snapshot = try snapshot(of: repositories[number], at: generation)
            snapshots[number] = snapshot
            for (record, file) in try files(of: generation.repomd, in: repositories[number]) where try !file.isPresent() {
                requests.append((number, try request(record, file, of: snapshot)))
            }
        }
        guard !requests.isEmpty else { return snapshots }
        if offline, let missing = requests.first {
            throw ProvisionError(.unreachable, "\"\(missing.request.label)\" is not in the cache, and nothing is fetched")
        }
        let results = try downloader.attempt(
            requests.map(\.request), phase: .metadata, countingFrom: downloadedBytes)
        for ((number, _), result) in zip(requests, results) {
            switch result {
            case .success(let file): fileBytes += file.downloadedBytes
            case .failure(let error):
                snapshots[number] = nil
                if !mayFail.contains(number) { try skip(repositories[number], for: error, without) }
            }
        }
        return snapshots
    }

    private func files(
        of repomd: Repomd, in repository: RepositoryConfiguration
    ) throws(ProvisionError) -> [(Repomd.Record, MetadataFile)] {
        // The plain group file first: then nothing has to be unpacked to read it.
        let comps = ["group", "group_gz", "group_xz", "group_zst"].lazy.compactMap { repomd[$0] }.first
        let records = [repomd["primary"], comps, repomd["modules"]]
        var result: [(Repomd.Record, MetadataFile)] = []
        for case let record? in records { result.append((record, try metadataFile(record, of: repository))) }
        return result
    }

    private func snapshot(
        of repository: RepositoryConfiguration, at generation: Generation
    ) throws(ProvisionError) -> RepositorySnapshot {
        let files = try files(of: generation.repomd, in: repository)
        func file(_ matches: (String) -> Bool) -> MetadataFile? { files.first { matches($0.0.type) }?.1 }
        guard let primary = file({ $0 == "primary" }) else {
            throw ProvisionError(.failed, "\(repository.label) has no primary metadata")
        }
        return RepositorySnapshot(
            configuration: repository, baseURLs: generation.mirrors, repomdDigest: generation.digest,
            revision: generation.repomd.revision, timestamp: generation.repomd.timestamp, primary: primary,
            comps: file { $0.hasPrefix("group") }, modules: file { $0 == "modules" },
            updateinfo: generation.repomd["updateinfo"], filelists: generation.repomd["filelists"])
    }

    private func metadataFile(
        _ record: Repomd.Record, of repository: RepositoryConfiguration
    ) throws(ProvisionError) -> MetadataFile {
        let name = "\"\(record.type)\" of \(repository.label)"
        if !repository.weakDigests, record.checksum.algorithm == .md5 || record.checksum.algorithm == .sha1 {
            throw ProvisionError(
                .verification, "\(name) is pinned by \(record.checksum.algorithm.rawValue) only, which can be forged",
                hint: "`--setopt \(repository.id).weak_digests=1` accepts it")
        }
        if record.checksum.algorithm == .sha224 {
            throw ProvisionError(
                .unsupported, "\(name) is pinned by sha224, which is not supported",
                hint: "ask its makers for sha256: createrepo_c --checksum sha256")
        }
        if let size = record.size, size > policy.maximumFileSize {
            throw ProvisionError(
                .verification,
                "\(name) has \(formatted(bytes: size)), more than the \(formatted(bytes: policy.maximumFileSize)) allowed",
                hint: "limits.max-metadata-size in config/settings.toml is the limit")
        }
        if let size = record.openSize, size > policy.maximumOpenSize {
            throw ProvisionError(
                .verification,
                "\(name) unpacks to \(formatted(bytes: size)), more than the \(formatted(bytes: policy.maximumOpenSize)) allowed",
                hint: "limits.max-metadata-open-size in config/settings.toml is the limit")
        }
        return MetadataFile(
            path: cache.appending("metadata").appending(MetadataFile.name(of: record)), digest: record.checksum,
            size: record.size ?? 0, openDigest: record.openChecksum, openSize: record.openSize,
            maximumOpenSize: policy.maximumOpenSize)
    }

    private func request(
        _ record: Repomd.Record, _ file: MetadataFile, of snapshot: RepositorySnapshot
    ) throws(ProvisionError) -> TransferRequest {
        TransferRequest(
            label: "\(snapshot.id): \(record.type)",
            urls: try snapshot.urls(location: record.location, base: record.locationBase), destination: file.path,
            digests: [record.checksum], size: record.size, maximumSize: policy.maximumFileSize,
            transport: snapshot.configuration.transport)
    }
}
