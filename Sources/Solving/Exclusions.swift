internal import CSolv
internal import Model

/// Which packages the configuration hides, and which word of it hides them.
///
/// Source: dnf4's `_setup_excludes_includes` and libdnf's `dnf_sack_recompute_considered_map`.
struct Exclusions {
    /// What hides a package, and what a person can do about it.
    struct Reason {
        /// For messages: `excluded by "foo*"`.
        var text: String
        var remedy: String

        static func exclude(_ text: String) -> Reason {
            Reason(text: text, remedy: "leave out the exclude, or ask for something else")
        }
    }

    private(set) var reasons: [Id: Reason] = [:]

    init(_ request: SolveRequest, matcher: SpecMatcher, modules: ModuleFilter?) {
        for source in request.filters {
            for spec in source.excludes {
                hide(spec, matcher) {
                    matcher.pool.repositoryID(of: $0) == source.id
                } reason: {
                    // Those of [main] were handed on to each repository.
                    .exclude(
                        "excluded by \"\(spec)\" of "
                            + (request.fileExcludes.contains(spec) ? "[main]" : "repository \"\(source.id)\""))
                }
            }
        }
        for spec in request.excludes {
            hide(spec, matcher) { _ in
                true
            } reason: {
                .exclude("excluded by \"\(spec)\"")
            }
        }
        hideAllBut(request, matcher)
        hideAllBut(pins: request.pins, matcher)
        if let modules { hide(by: modules, matcher) }
    }

    /// Tells the pool; nothing is set where nothing is hidden.
    func apply(to pool: SolvPool) {
        guard !reasons.isEmpty else { return pool.consider(nil) }
        let map = SolvableMap(capacity: pool.raw.pointee.nsolvables)
        map.insertAll()
        for id in reasons.keys { map.remove(id) }
        pool.consider(map)
    }

    private mutating func hide(
        _ spec: String, _ matcher: SpecMatcher, where condition: (Id) -> Bool, reason: () -> Reason
    ) {
        for id in matcher.matchIdentity(spec, scope: .everything)?.packages ?? []
        where condition(id) && reasons[id] == nil { reasons[id] = reason() }
    }

    /// Packages of streams that aren't active, and those that an active stream has its own of.
    private mutating func hide(by modules: ModuleFilter, _ matcher: SpecMatcher) {
        let pool = matcher.pool
        let shown = Set(modules.shown.compactMap { PackageKey($0, in: pool) })
        var hidden: [PackageKey: String] = [:]
        for (artifact, stream) in modules.hidden {
            if let key = PackageKey(artifact, in: pool) { hidden[key] = stream }
        }
        var ownNames: [Id: String] = [:]
        for (name, stream) in modules.ownNames {
            if let id = pool.id(of: name) { ownNames[id] = stream }
        }
        func isExempt(_ id: Id) -> Bool {
            let repository = pool.repositoryID(of: id)
            return pool.isInstalled(id) || shown.contains(PackageKey(id, in: pool)) || repository == PlannedPackage.commandLine
                || modules.hotfixRepositories.contains(repository)
        }
        for id in matcher.packages where reasons[id] == nil {
            if let stream = hidden[PackageKey(id, in: pool)] {
                if isExempt(id) { continue }
                reasons[id] = Reason(
                    text: "of the module stream \"\(stream)\", which is not enabled",
                    remedy: "enable the stream: ask for \"@\(stream)\" too")
            } else if let stream = ownNames[pool.solvable(id).pointee.name], !isExempt(id) {
                reasons[id] = Reason(
                    text: "hidden by the module stream \"\(stream)\", which has its own", remedy: Self.hotfixes)
            }
        }
        for (name, stream) in ownNames {
            for id in pool.providers(of: name) where reasons[id] == nil && !isExempt(id) {
                reasons[id] = Reason(
                    text: "hidden by the module stream \"\(stream)\", which has its own \"\(pool.string(name))\"",
                    remedy: Self.hotfixes)
            }
        }
    }

    /// Includes: a repository that has some, or all of them where the whole request has, shows nothing else.
    private mutating func hideAllBut(_ request: SolveRequest, _ matcher: SpecMatcher) {
        let limited = Set(request.filters.filter { !$0.includes.isEmpty }.map(\.id))
        guard !limited.isEmpty || !request.includes.isEmpty else { return }
        func matching(_ specs: [String]) -> [Id] {
            specs.flatMap { matcher.matchIdentity($0, scope: .everything)?.packages ?? [] }
        }
        var shown = Set(matching(request.includes))
        for source in request.filters where limited.contains(source.id) {
            shown.formUnion(matching(source.includes).filter { matcher.pool.repositoryID(of: $0) == source.id })
        }
        for id in matcher.packages where !shown.contains(id) && reasons[id] == nil {
            if !request.includes.isEmpty {
                reasons[id] = Reason(
                    text: "not among the packages that \"includepkgs\" allows", remedy: "add it to includepkgs")
            } else if limited.contains(matcher.pool.repositoryID(of: id)) {
                let place =
                    request.fileIncludes.isEmpty
                    ? "repository \"\(matcher.pool.repositoryID(of: id))\"" : "[main] or its repository"
                reasons[id] = Reason(
                    text: "not among the packages that \"includepkgs\" of \(place) allows", remedy: "add it to includepkgs")
            }
        }
    }

    private static let hotfixes = "leave the module out, or set module_hotfixes=1 for the package's repository"

    private mutating func hideAllBut(pins: [NEVRA], _ matcher: SpecMatcher) {
        let pool = matcher.pool
        for (name, pinned) in Dictionary(grouping: pins, by: \.name) {
            guard let key = pool.id(of: name) else { continue }
            for id in matcher.packages
            where pool.solvable(id).pointee.name == key && reasons[id] == nil && !pool.isInstalled(id) {
                guard !pinned.contains(pool.nevra(of: id)) else { continue }
                reasons[id] = Reason(
                    text: "held back: the lock has \(pinned.map(\.description).joined(separator: ", "))",
                    remedy: "let it change too: provision lock --update NAME...")
            }
        }
    }
}

extension SolveRequest {
    /// What each repository, and the package files among them, hides and shows.
    fileprivate var filters: [(id: String, excludes: [String], includes: [String])] {
        repositories.map { ($0.id, $0.excludes, $0.includes) }
            + (files.isEmpty ? [] : [(PlannedPackage.commandLine, fileExcludes, fileIncludes)])
    }
}
