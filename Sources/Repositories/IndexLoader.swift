internal import Configuration
internal import Diagnostics
internal import Model
internal import System
internal import SystemPackage
internal import Transfer

/// Gets each repository's repomd.xml: from the cache, or from a mirror whose copy is signed, well-formed and not older than
/// what was seen before. A mirror whose copy is refused is left behind for the next.
final class IndexLoader {
    private let cache: FilePath
    private let documents: DocumentFetcher
    private let checks: IndexChecks
    private let policy: MetadataPolicy
    private let speeds: MirrorSpeeds
    private let progress: any ProgressSink

    init(
        cache: FilePath, downloader: Downloader, keys: KeyFinder, policy: MetadataPolicy, progress: any ProgressSink
    ) {
        self.cache = cache
        documents = DocumentFetcher(downloader: downloader)
        self.policy = policy
        speeds = MirrorSpeeds(cache: cache)
        checks = IndexChecks(keys: keys, policy: policy, progress: progress)
        self.progress = progress
    }

    /// Bytes of content that came over the wire so far.
    var downloadedBytes: UInt64 { documents.downloadedBytes }

    // MARK: - From the cache

    /// What is cached, where `freshness` lets it count; no network, no gpg.
    func cached(
        _ repository: RepositoryConfiguration, freshness: Freshness
    ) throws(ProvisionError) -> Generation? {
        guard freshness != .refresh else { return nil }
        let directory = RepositoryDirectory(repository, cache: cache)
        guard let state = try directory.readState(), let document = try Files.readIfPresent(directory.repomd) else {
            return nil
        }
        let found = try digest(document)
        guard found == state.repomd else { return nil }
        if repository.repoGPGCheck, state.verifiedBy != repository.keysIdentity { return nil }
        if freshness == .useCache, try !isCurrent(state, of: repository) { return nil }
        let repomd = try Repomd(parsing: document, source: "the cached repomd.xml of \(repository.label)")
        if checks.isOlder(repomd, than: state, in: repository) {
            // Somebody allowed it once, which holds for that time.
            if freshness == .useCache, !policy.allowsOlder { return nil }
            try checks.checkAge(of: repomd, after: state, in: repository)
        }
        return Generation(repomd: repomd, digest: found, mirrors: state.mirrors)
    }

    private func isCurrent(_ state: RepositoryState, of repository: RepositoryConfiguration) throws(ProvisionError) -> Bool {
        if repository.isLocal {
            // Looking costs nothing here: whoever rebuilds a local repository wants to see it at once.
            for base in repository.baseURLs {
                guard let path = RepositoryURL.localPath(RepositoryURL.join(base, "repodata/repomd.xml")) else { continue }
                if let there = try Files.readIfPresent(path) { return try digest(there) == state.repomd }
            }
            return false
        }
        guard let expire = repository.metadataExpire else { return true }
        let age = currentSeconds() - state.fetched
        return age >= 0 && age < Int64(expire)
    }

    // MARK: - From the mirrors

    /// Asks the mirrors of all of `repositories` at the same time; one answer for each.
    func fetch(_ repositories: [RepositoryConfiguration]) throws -> [Result<Generation, ProvisionError>] {
        // Two builds that start together must not take each other's half-judged files away.
        try Files.makeDirectory(cache.appending("repos"))
        let lock = try FileLock.acquire(cache.appending("repos/lock"), words: "loading metadata") { holder in
            progress.detail("waiting for the metadata cache, which is in use: \(holder)")
        }
        var searches: [IndexSearch] = []
        for repository in repositories {
            let directory = RepositoryDirectory(repository, cache: cache)
            try Files.makeDirectory(directory.path)
            searches.append(IndexSearch(repository, cache: directory, state: try directory.readState()))
        }
        try findMirrors(&searches)
        for number in searches.indices where searches[number].repository.fastestMirror {
            searches[number].mirrors = try speeds.sorted(
                searches[number].mirrors, transport: searches[number].repository.transport, progress: progress)
        }
        while case let open = searches.indices.filter({ searches[$0].result == nil }), !open.isEmpty {
            let offers = try fetchIndexes(open, &searches)
            let signatures = try fetchSignatures(offers, searches)
            for (number, offer) in offers.sorted(by: { $0.key < $1.key }) {
                try judge(offer, signature: signatures[number], &searches[number])
            }
        }
        _ = consume lock
        return searches.compactMap(\.result)
    }

    /// Base URLs as configured, then what the mirrorlist or metalink says.
    private func findMirrors(_ searches: inout [IndexSearch]) throws {
        var requests: [Int: TransferRequest] = [:]
        for number in searches.indices {
            let repository = searches[number].repository
            searches[number].mirrors = repository.baseURLs.map(RepositoryURL.withoutTrailingSlash)
            guard let list = repository.metalink ?? repository.mirrorlist else { continue }
            requests[number] = TransferRequest(
                label: "\(repository.id): \(repository.metalink == nil ? "mirrorlist" : "metalink")", urls: [list],
                destination: searches[number].directory.path.appending("mirrors.fetched"),
                maximumSize: policy.maximumIndexSize, transport: repository.transport)
        }
        for (number, result) in try documents.fetch(requests) {
            let label = searches[number].repository.label
            do throws(ProvisionError) {
                let list = try MirrorList(parsing: try result.get().bytes, source: "the list of mirrors of \(label)")
                searches[number].mirrors += list.baseURLs.filter { !searches[number].mirrors.contains($0) }
                searches[number].pinned = list.repomdDigests
            } catch {
                guard error.code != .interrupted else { throw error }
                if searches[number].mirrors.isEmpty {
                    searches[number].result = .failure(
                        ProvisionError(.unreachable, "cannot load \(label)", causes: [error.message] + error.causes))
                } else {
                    progress.warn("\(error)", hint: "the base URLs of \(label) are used alone")
                }
            }
        }
        for number in searches.indices where searches[number].result == nil && searches[number].mirrors.isEmpty {
            searches[number].result = .failure(
                ProvisionError(
                    .configuration, "\(searches[number].repository.label) has neither a base URL nor a list of mirrors"))
        }
    }

    /// One repomd.xml for each search, from whichever of its mirrors has one; settles those of which no mirror has.
    private func fetchIndexes(_ numbers: [Int], _ searches: inout [IndexSearch]) throws -> [Int: IndexSearch.Offer] {
        var offers: [Int: IndexSearch.Offer] = [:]
        var requests: [Int: TransferRequest] = [:]
        for number in numbers {
            let search = searches[number]
            if let document = try cachedDocument(pinnedBy: search), let mirror = search.mirrors.first {
                offers[number] = .init(mirror: mirror, document: document, digest: try digest(document))
                continue
            }
            requests[number] = TransferRequest(
                label: "\(search.repository.id): repomd.xml",
                urls: search.mirrors.map { RepositoryURL.join($0, "repodata/repomd.xml") },
                destination: search.directory.path.appending("repomd.xml.fetched"), digests: search.pinned,
                maximumSize: policy.maximumIndexSize, transport: search.repository.transport)
        }
        for (number, result) in try documents.fetch(requests) {
            switch result {
            case .success(let arrived):
                let mirror = searches[number].mirrors[arrived.mirror]
                offers[number] = .init(mirror: mirror, document: arrived.bytes, digest: try digest(arrived.bytes))
            case .failure(let error): searches[number].result = .failure(searches[number].failure(error))
            }
        }
        return offers
    }

    /// The cached repomd.xml, where a metalink says that it is still the current one: then there is nothing to fetch.
    private func cachedDocument(pinnedBy search: IndexSearch) throws(ProvisionError) -> [UInt8]? {
        guard let current = search.pinned.first, search.refusals.isEmpty,
            let document = try Files.readIfPresent(search.directory.repomd)
        else { return nil }
        return try digest(document, current.algorithm) == current ? document : nil
    }

    /// repomd.xml.asc beside each offer whose signature isn't known to hold already.
    private func fetchSignatures(
        _ offers: [Int: IndexSearch.Offer], _ searches: [IndexSearch]
    ) throws -> [Int: Result<[UInt8], ProvisionError>] {
        var requests: [Int: TransferRequest] = [:]
        for (number, offer) in offers where searches[number].repository.repoGPGCheck && !searches[number].isVerified(offer) {
            requests[number] = TransferRequest(
                label: "\(searches[number].repository.id): repomd.xml.asc",
                urls: [RepositoryURL.join(offer.mirror, "repodata/repomd.xml.asc")],
                destination: searches[number].directory.path.appending("repomd.xml.asc.fetched"),
                maximumSize: MetadataPolicy.maximumSignatureSize, transport: searches[number].repository.transport)
        }
        return try documents.fetch(requests).mapValues { $0.map(\.bytes) }
    }

    // MARK: - Judging

    /// Accepts an offer, or leaves its mirror behind.
    private func judge(
        _ offer: IndexSearch.Offer, signature: Result<[UInt8], ProvisionError>?, _ search: inout IndexSearch
    ) throws {
        let repository = search.repository
        let mustBeSigned = repository.repoGPGCheck && !search.isVerified(offer)
        let trusted: [TrustedKey]
        do {
            trusted = mustBeSigned ? try checks.trustedKeys(of: repository) : []
        } catch let error as ProvisionError where error.code != .interrupted {
            // No other mirror makes this better.
            search.result = .failure(error)
            return
        }
        let generation: Generation
        do {
            if mustBeSigned {
                try checks.check(signature: signature, over: offer.document, by: trusted, of: repository)
            }
            let repomd = try Repomd(parsing: offer.document, source: "repomd.xml of \(repository.label)")
            try checks.checkAge(of: repomd, after: search.state, in: repository)
            let mirrors = [offer.mirror] + search.mirrors.filter { $0 != offer.mirror }
            generation = Generation(repomd: repomd, digest: offer.digest, mirrors: mirrors)
        } catch let error as ProvisionError where error.code == .verification || error.code == .failed {
            search.refuse(offer.mirror, for: error)
            return
        }
        try remember(generation, offer, signature, search)
        for (mirror, error) in search.refusals {
            progress.warn("mirror \"\(withoutCredentials(mirror))\" of \(repository.label) was left behind: \(error)")
        }
        search.result = .success(generation)
    }

    private func remember(
        _ generation: Generation, _ offer: IndexSearch.Offer, _ signature: Result<[UInt8], ProvisionError>?,
        _ search: IndexSearch
    ) throws {
        let repomd = generation.repomd
        let old = search.state
        let now = currentSeconds()
        let isNewest = old.map { !checks.isOlder(repomd, than: $0, in: search.repository) } ?? true
        let isKnown = !isNewest || old?.newestRevision == repomd.revision
        if case .success(let bytes) = signature { try Files.write(bytes, to: search.directory.signature) }
        try Files.write(offer.document, to: search.directory.repomd)
        try search.directory.write(
            RepositoryState(
                fetched: now, repomd: offer.digest, mirrors: generation.mirrors,
                newestRevision: isNewest ? repomd.revision : old?.newestRevision,
                newestTimestamp: max(repomd.timestamp, old?.newestTimestamp ?? 0),
                revisionSeen: isKnown ? old?.revisionSeen ?? now : now,
                verifiedBy: search.repository.repoGPGCheck ? search.repository.keysIdentity : nil))
    }
}
