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
    private let downloader: Downloader
    private let keys: KeyFinder
    private let policy: MetadataPolicy
    private let progress: any ProgressSink
    private var downloadedBytes: UInt64 = 0

    init(
        cache: FilePath, downloader: Downloader, keys: KeyFinder, policy: MetadataPolicy, progress: any ProgressSink
    ) {
        self.cache = cache
        self.downloader = downloader
        self.keys = keys
        self.policy = policy
        self.progress = progress
    }

    func takeDownloadedBytes() -> UInt64 {
        defer { downloadedBytes = 0 }
        return downloadedBytes
    }

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

    /// One repository on its way.
    private struct Search {
        let repository: RepositoryConfiguration
        let directory: RepositoryDirectory
        var state: RepositoryState?
        var mirrors: [String] = []
        var pinned: [ContentDigest] = []
        var refusals: [(mirror: String, error: ProvisionError)] = []
        var result: Result<Generation, ProvisionError>?
    }

    /// A repomd.xml as a mirror gave it.
    private struct Offer {
        let mirror: String
        let document: [UInt8]
        let digest: ContentDigest
    }

    /// Asks the mirrors of all of `repositories` at the same time; one answer for each.
    func fetch(_ repositories: [RepositoryConfiguration]) throws -> [Result<Generation, ProvisionError>] {
        // Two builds that start together must not take each other's half-judged files away.
        try Files.makeDirectory(cache.appending("repos"))
        let lock = try FileLock.acquire(cache.appending("repos/lock"), words: "loading metadata") { holder in
            progress.detail("waiting for the metadata cache, which is in use: \(holder)")
        }
        let results = try search(repositories)
        _ = consume lock
        return results
    }

    private func search(_ repositories: [RepositoryConfiguration]) throws -> [Result<Generation, ProvisionError>] {
        var searches: [Search] = []
        for repository in repositories {
            let directory = RepositoryDirectory(repository, cache: cache)
            try Files.makeDirectory(directory.path)
            searches.append(Search(repository: repository, directory: directory, state: try directory.readState()))
        }
        try findMirrors(&searches)
        while true {
            let open = searches.indices.filter { searches[$0].result == nil }
            if open.isEmpty { break }
            let offers = try fetchDocuments(open, &searches)
            let signatures = try fetchSignatures(offers, searches)
            for (number, offer) in offers.sorted(by: { $0.key < $1.key }) {
                try judge(offer, signature: signatures[number], &searches[number])
            }
        }
        return searches.compactMap(\.result)
    }

    /// Base URLs as configured, then what the mirrorlist or metalink says.
    private func findMirrors(_ searches: inout [Search]) throws {
        var requests: [(Int, TransferRequest)] = []
        for number in searches.indices {
            let repository = searches[number].repository
            searches[number].mirrors = repository.baseURLs.map(RepositoryURL.withoutTrailingSlash)
            guard let list = repository.metalink ?? repository.mirrorlist else { continue }
            requests.append(
                (
                    number,
                    TransferRequest(
                        label: "\(repository.id): \(repository.metalink == nil ? "mirrorlist" : "metalink")", urls: [list],
                        destination: searches[number].directory.path.appending("mirrors.fetched"),
                        maximumSize: MetadataPolicy.maximumIndexSize, transport: repository.transport)
                ))
        }
        for ((number, request), result) in zip(requests, try attempt(requests.map(\.1))) {
            do throws(ProvisionError) {
                let document = try Files.read(try result.get().path, limit: Int(request.maximumSize))
                try Files.remove(request.destination)
                let list = try MirrorList(
                    parsing: document, source: "the list of mirrors of \(searches[number].repository.label)")
                searches[number].mirrors += list.baseURLs.filter { !searches[number].mirrors.contains($0) }
                searches[number].pinned = list.repomdDigests
            } catch {
                guard error.code != .interrupted else { throw error }
                if searches[number].mirrors.isEmpty {
                    searches[number].result = .failure(
                        ProvisionError(
                            .unreachable, "cannot load \(searches[number].repository.label)",
                            causes: [error.message] + error.causes))
                } else {
                    progress.warn("\(error)", hint: "the base URLs of \(searches[number].repository.label) are used alone")
                }
            }
        }
        for number in searches.indices where searches[number].result == nil && searches[number].mirrors.isEmpty {
            searches[number].result = .failure(
                ProvisionError(
                    .unreachable, "\(searches[number].repository.label) has neither a base URL nor a list of mirrors"))
        }
    }

    /// One repomd.xml for each search, from whichever of its mirrors has one; settles those that have no mirror left.
    private func fetchDocuments(_ numbers: [Int], _ searches: inout [Search]) throws -> [Int: Offer] {
        var offers: [Int: Offer] = [:]
        var requests: [(Int, TransferRequest)] = []
        for number in numbers {
            let search = searches[number]
            if let document = try cachedDocument(pinnedBy: search), let mirror = search.mirrors.first {
                offers[number] = Offer(mirror: mirror, document: document, digest: try digest(document))
                continue
            }
            requests.append(
                (
                    number,
                    TransferRequest(
                        label: "\(search.repository.id): repomd.xml",
                        urls: search.mirrors.map { RepositoryURL.join($0, "repodata/repomd.xml") },
                        destination: search.directory.path.appending("repomd.xml.fetched"), digests: search.pinned,
                        maximumSize: MetadataPolicy.maximumIndexSize, transport: search.repository.transport)
                ))
        }
        for ((number, request), result) in zip(requests, try attempt(requests.map(\.1))) {
            switch result {
            case .success(let arrived):
                let document = try Files.read(arrived.path, limit: Int(request.maximumSize))
                try Files.remove(arrived.path)
                let mirror = searches[number].mirrors[arrived.mirror ?? 0]
                offers[number] = Offer(mirror: mirror, document: document, digest: try digest(document))
            case .failure(let error): searches[number].result = .failure(combined(searches[number], error))
            }
        }
        return offers
    }

    /// The cached repomd.xml, where a metalink says that it is still the current one: then there is nothing to fetch.
    private func cachedDocument(pinnedBy search: Search) throws(ProvisionError) -> [UInt8]? {
        guard let current = search.pinned.first, search.refusals.isEmpty,
            let document = try Files.readIfPresent(search.directory.repomd)
        else { return nil }
        return try digest(document, current.algorithm) == current ? document : nil
    }

    /// repomd.xml.asc beside each offer whose signature isn't known to hold already.
    private func fetchSignatures(_ offers: [Int: Offer], _ searches: [Search]) throws -> [Int: Result<[UInt8], ProvisionError>]
    {
        var requests: [(Int, TransferRequest)] = []
        for (number, offer) in offers.sorted(by: { $0.key < $1.key }) {
            let search = searches[number]
            guard search.repository.repoGPGCheck, !isVerified(offer, search) else { continue }
            requests.append(
                (
                    number,
                    TransferRequest(
                        label: "\(search.repository.id): repomd.xml.asc",
                        urls: [RepositoryURL.join(offer.mirror, "repodata/repomd.xml.asc")],
                        destination: search.directory.path.appending("repomd.xml.asc.fetched"),
                        maximumSize: MetadataPolicy.maximumSignatureSize, transport: search.repository.transport)
                ))
        }
        var signatures: [Int: Result<[UInt8], ProvisionError>] = [:]
        for ((number, request), result) in zip(requests, try attempt(requests.map(\.1))) {
            switch result {
            case .success(let arrived):
                signatures[number] = .success(try Files.read(arrived.path, limit: Int(request.maximumSize)))
                try Files.remove(arrived.path)
            case .failure(let error): signatures[number] = .failure(error)
            }
        }
        return signatures
    }

    private func isVerified(_ offer: Offer, _ search: Search) -> Bool {
        search.state?.repomd == offer.digest && search.state?.verifiedBy == search.repository.keysIdentity
    }

    // MARK: - Judging

    /// Accepts an offer, or leaves its mirror behind.
    private func judge(_ offer: Offer, signature: Result<[UInt8], ProvisionError>?, _ search: inout Search) throws {
        do throws(ProvisionError) {
            let source = "repomd.xml of \(search.repository.label)"
            if search.repository.repoGPGCheck, !isVerified(offer, search) {
                try check(signature, over: offer, in: search.repository)
            }
            let repomd = try Repomd(parsing: offer.document, source: source)
            try checkAge(of: repomd, search)
            let mirrors = [offer.mirror] + search.mirrors.filter { $0 != offer.mirror }
            search.result = .success(Generation(repomd: repomd, digest: offer.digest, mirrors: mirrors))
        } catch {
            guard error.code != .interrupted, error.code != .unsupported else { throw error }
            search.refusals.append((offer.mirror, error))
            search.mirrors.removeAll { $0 == offer.mirror }
            if search.mirrors.isEmpty { search.result = .failure(combined(search, nil)) }
            return
        }
        if case .success(let generation) = search.result { try remember(generation, offer, signature, search) }
    }

    private func check(
        _ signature: Result<[UInt8], ProvisionError>?, over offer: Offer, in repository: RepositoryConfiguration
    ) throws(ProvisionError) {
        let what = "the metadata of \(repository.label)"
        guard !repository.keys.isEmpty else {
            throw ProvisionError(
                .configuration, "\(what) must be signed, but no key is named to check it with",
                hint: "add gpgkey to it, or set repo_gpgcheck=0")
        }
        guard case .success(let signature) = signature else {
            guard case .failure(let error) = signature else { return }
            throw ProvisionError(
                .verification, "\(what) is not signed: there is no repomd.xml.asc",
                hint: "repo_gpgcheck=0 accepts unsigned metadata", causes: error.causes)
        }
        var trusted: [TrustedKey] = []
        let verdict: SignatureVerdict
        do {
            for key in repository.keys { trusted += try keys.find(key, transport: repository.transport) }
            verdict = try verifyDetached(signature: signature, data: offer.document, keys: trusted)
        } catch let error as ProvisionError {
            throw error
        } catch {
            throw ProvisionError(.failed, "cannot check the signature of \(what)", causes: ["\(error)"])
        }
        guard let complaint = verdict.complaint else { return }
        throw ProvisionError(
            .verification, "\(what) is refused: \(complaint)",
            hint: "trusted for it: " + trusted.map { "\($0.fingerprint) (\($0.userID))" }.joined(separator: ", "))
    }

    private func checkAge(of repomd: Repomd, _ search: Search) throws(ProvisionError) {
        guard let state = search.state,
            repomd.isOlder(thanRevision: state.newestRevision, timestamp: state.newestTimestamp)
        else { return }
        let words = "the metadata of \(search.repository.label) is older than what was seen before"
        if policy.allowsOlder { return progress.warn(words) }
        throw ProvisionError(
            .verification, words, hint: "a mirror may lag behind, or somebody holds updates back from you",
            causes: [
                "revision \(repomd.revision ?? "none") of \(repomd.timestamp), after "
                    + "\(state.newestRevision ?? "none") of \(state.newestTimestamp)"
            ])
    }

    /// What to say when no mirror is left: what each one gave for a reason.
    private func combined(_ search: Search, _ last: ProvisionError?) -> ProvisionError {
        let refusals = search.refusals
        if refusals.isEmpty, let last {
            return ProvisionError(
                last.code, "cannot load \(search.repository.label)" + (last.code == .verification ? ": \(last.message)" : ""),
                hint: last.hint, causes: last.causes)
        }
        let verification = refusals.first { $0.error.code == .verification }
        if refusals.count == 1, last == nil, let verification { return verification.error }
        let code = verification?.error.code ?? refusals.first { $0.error.code == .configuration }?.error.code ?? .unreachable
        return ProvisionError(
            code, "cannot load \(search.repository.label): no mirror has metadata that can be accepted",
            hint: verification?.error.hint,
            causes: refusals.map { "\($0.mirror): \($0.error)" } + (last?.causes ?? []))
    }

    private func remember(
        _ generation: Generation, _ offer: Offer, _ signature: Result<[UInt8], ProvisionError>?, _ search: Search
    ) throws {
        let old = search.state
        let isNewer =
            old.map { !generation.repomd.isOlder(thanRevision: $0.newestRevision, timestamp: $0.newestTimestamp) } ?? true
        if case .success(let bytes) = signature { try Files.write(bytes, to: search.directory.signature) }
        try Files.write(offer.document, to: search.directory.repomd)
        try search.directory.write(
            RepositoryState(
                fetched: currentSeconds(), repomd: offer.digest, mirrors: generation.mirrors,
                newestRevision: isNewer ? generation.repomd.revision : old?.newestRevision,
                newestTimestamp: max(generation.repomd.timestamp, old?.newestTimestamp ?? 0),
                verifiedBy: search.repository.repoGPGCheck ? search.repository.keysIdentity : nil))
    }

    // MARK: -

    private func attempt(_ requests: [TransferRequest]) throws -> [Result<TransferResult, ProvisionError>] {
        guard !requests.isEmpty else { return [] }
        let results = try downloader.attempt(requests, phase: .metadata, countingFrom: downloadedBytes)
        for case .success(let arrived) in results { downloadedBytes += arrived.downloadedBytes }
        return results
    }
}

/// The digest of a small document in memory.
func digest(
    _ document: [UInt8], _ algorithm: ContentDigest.Algorithm = .sha256
) throws(ProvisionError) -> ContentDigest {
    var digester = try Digester(algorithm)
    document.withUnsafeBytes { digester.update($0) }
    return digester.finalize()
}
