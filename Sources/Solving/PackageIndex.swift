internal import CSolv
public import Diagnostics
internal import Glibc
public import Model
internal import System
public import SystemPackage

/// The packages of some repositories, for looking around in them: no request and no solver.
///
/// Names are read as the solver reads them, and the same excludes hide packages. Not thread-safe.
public final class PackageIndex {
    private let pool: SolvPool
    private let matcher: SpecMatcher
    private let exclusions: Exclusions
    /// Labels (`NAME:STREAM`) of the module streams whose packages are seen.
    public let activeStreams: Set<String>

    /// - Parameters:
    ///   - architecture: rpm's name of the target's; packages of others are found, but called not installable.
    ///   - modules: hides packages as a build without modules of its own would see them; nil hides none.
    ///   - withDetails: descriptions, licences and the like too, for `packages(matching:)`.
    ///   - withFilelists: all files of packages, not only those that primary metadata tells.
    ///   - cache: the cache's directory for parsed metadata (CACHE/solv).
    /// - Throws: `.verification` for metadata that can't be used, `.interrupted`.
    public init(
        _ sources: [RepositorySource], architecture: String, excludes: [String] = [], modules: ModuleRequest? = nil,
        withDetails: Bool = true, withFilelists: Bool = false,
        cache: FilePath,
        progress: any ProgressSink = SilentProgress()
    ) throws {
        pool = SolvPool(architecture: architecture)
        let request = SolveRequest(
            repositories: sources, specs: [], architecture: architecture, excludes: excludes, cache: cache)
        var loader = MetadataLoader(
            pool: pool, cache: SolvCache(directory: cache), limit: request.metadataLimit, progress: progress)
        loader.withDetails = withDetails
        for source in sources {
            try Interruption.check()
            try loader.load(try loader.parsed(source), withFilelists: withFilelists)
        }
        pool.prepare()
        matcher = SpecMatcher(pool)
        let pool = pool
        let filter = try modules.map { modules throws(ProvisionError) in
            try ModuleFilter(modules, pool: pool, architecture: architecture)
        }
        activeStreams = filter?.activeLabels ?? []
        exclusions = Exclusions(request, matcher: matcher, modules: filter)
        exclusions.apply(to: pool)
    }

    /// What each repository holds, in the order of loading.
    public func contents() -> [RepositoryContents] {
        var result: [RepositoryContents] = []
        for id in matcher.packages {
            let repository = pool.repositoryID(of: id)
            if result.last?.id != repository { result.append(RepositoryContents(id: repository, packages: 0, size: 0)) }
            result[result.count - 1].packages += 1
            result[result.count - 1].size += solvable_lookup_num(pool.solvable(id), SOLVABLE_DOWNLOADSIZE.id, 0)
        }
        return result
    }

    /// Packages that a spec means, hidden and foreign ones too, the newest of each name and architecture unless the spec
    /// says the version; files count where primary metadata tells them.
    public func packages(matching spec: String) -> [PackageDescription] {
        guard let match = matcher.match(spec, scope: .everything) else { return [] }
        let versioned = match.form.map { $0.version != nil || $0.release != nil } ?? false
        return (versioned ? match.packages : newest(match.packages)).map(describe)
    }

    /// Whether only file lists can tell what packages a spec means.
    public func wantsFilelists(_ spec: String) -> Bool { isFilePattern(spec) && (isGlob(spec) || !isListedInPrimary(spec)) }

    /// Whether a build would find a package for the spec.
    public func offers(_ spec: String) -> Bool { matcher.match(spec)?.packages.contains { !pool.isForeign($0) } ?? false }

    /// The installed size of what a build would take of this name; nil where there is none.
    public func installedSize(ofPackageNamed name: String) -> UInt64? {
        let found = matcher.named(name).filter { !pool.isForeign($0) }
        guard let best = found.max(by: { pool.compareVersions($0, $1) < 0 }) else { return nil }
        return solvable_lookup_num(pool.solvable(best), SOLVABLE_INSTALLSIZE.id, 0)
    }

    /// The package name that a misspelt one may mean.
    public func nearestName(to word: String) -> String? {
        nearest(to: word, in: Set(matcher.packages.map(pool.name)).sorted())
    }

    /// Packages that every word fits, the newest of each name and architecture, best first.
    public func search(_ words: [String]) -> [SearchHit] {
        guard !words.isEmpty else { return [] }
        let hits = newest(matcher.packages.filter { pool.isConsidered($0) && !pool.isForeign($0) }).compactMap { id in
            var worst = SearchHit.Rank.exactName
            for word in words {
                guard let rank = rank(id, word) else { return nil as SearchHit? }
                worst = max(worst, rank)
            }
            return SearchHit(
                nevra: pool.nevra(of: id), repository: pool.repositoryID(of: id), summary: text(id, SOLVABLE_SUMMARY),
                rank: worst)
        }
        return hits.sorted {
            ($0.rank, $0.nevra.name.lowercased(), $0.nevra.arch) < ($1.rank, $1.nevra.name.lowercased(), $1.nevra.arch)
        }
    }

    // MARK: - Parts

    private func rank(_ id: Id, _ word: String) -> SearchHit.Rank? {
        guard let name = pool_id2str(pool.raw, pool.solvable(id).pointee.name) else { return nil }
        if strcasecmp(name, word) == 0 { return .exactName }
        if strncasecmp(name, word, word.utf8.count) == 0 { return .namePrefix }
        if holds(name, word) { return .nameContains }
        let provides = pool.dependencies(SOLVABLE_PROVIDES, of: id).contains { dependency in
            pool.names(in: dependency).contains { holds(pool_id2str(pool.raw, $0), word) }
        }
        if provides { return .provides }
        return holds(solvable_lookup_str(pool.solvable(id), SOLVABLE_SUMMARY.id), word) ? .summary : nil
    }

    /// Whether the text has the word in it, whatever the case of ASCII letters. On C strings: a repository has millions of them.
    private func holds(_ text: UnsafePointer<CChar>?, _ word: String) -> Bool {
        guard var place = text else { return false }
        return word.withCString { word in
            let length = strlen(word)
            while place.pointee != 0 {
                if strncasecmp(place, word, length) == 0 { return true }
                place += 1
            }
            return length == 0
        }
    }

    /// The newest of each name and architecture, in the order of names.
    private func newest(_ packages: [Id]) -> [Id] {
        struct Key: Hashable { var name, arch: Id }
        var best: [Key: Id] = [:]
        for id in packages {
            let key = Key(name: pool.solvable(id).pointee.name, arch: pool.solvable(id).pointee.arch)
            guard let other = best[key] else {
                best[key] = id
                continue
            }
            // What can be had counts more than what is newer but hidden.
            let (old, new) = (pool.isConsidered(other), pool.isConsidered(id))
            if (new && !old) || (new == old && pool.compareVersions(other, id) < 0) { best[key] = id }
        }
        return best.values.sorted { (pool.name(of: $0), $0) < (pool.name(of: $1), $1) }
    }

    private func describe(_ id: Id) -> PackageDescription {
        func list(_ kind: solv_knownid) -> [String] { pool.dependencies(kind, of: id).map(pool.dependency) }
        let solvable = pool.solvable(id)
        return PackageDescription(
            nevra: pool.nevra(of: id), repository: pool.repositoryID(of: id),
            size: solvable_lookup_num(solvable, SOLVABLE_DOWNLOADSIZE.id, 0),
            installedSize: solvable_lookup_num(solvable, SOLVABLE_INSTALLSIZE.id, 0), summary: text(id, SOLVABLE_SUMMARY),
            description: text(id, SOLVABLE_DESCRIPTION), license: text(id, SOLVABLE_LICENSE), url: text(id, SOLVABLE_URL),
            vendor: solvable.pointee.vendor == 0 ? "" : pool.string(solvable.pointee.vendor),
            source: solvable_lookup_sourcepkg(solvable).map { String(cString: $0) } ?? "",
            buildTime: solvable_lookup_num(solvable, SOLVABLE_BUILDTIME.id, 0), requires: list(SOLVABLE_REQUIRES),
            provides: list(SOLVABLE_PROVIDES), conflicts: list(SOLVABLE_CONFLICTS), obsoletes: list(SOLVABLE_OBSOLETES),
            recommends: list(SOLVABLE_RECOMMENDS), notInstallable: obstacle(id))
    }

    private func obstacle(_ id: Id) -> String? {
        if let reason = exclusions.reasons[id] { return reason.text }
        return pool.isForeign(id) ? "made for another architecture" : nil
    }

    private func text(_ id: Id, _ key: solv_knownid) -> String {
        solvable_lookup_str(pool.solvable(id), key.id).map { String(cString: $0) } ?? ""
    }
}
