internal import CSolv
internal import Diagnostics
internal import Model

/// What the solver is told to do, and on whose behalf.
struct Job {
    enum Origin: Equatable {
        case spec(String)
        case member(String, group: String)

        /// The word that the user wrote, or the group's member.
        var subject: String {
            switch self {
            case .spec(let text): text
            case .member(let name, _): name
            }
        }

        /// As an error names it.
        var quoted: String {
            switch self {
            case .spec(let text): "\"\(text)\""
            case .member(let name, let group): "\"\(name)\" of group \"\(group)\""
            }
        }

        var reason: Reason {
            switch self {
            case .spec(let text): .requested(spec: text)
            case .member(_, let group): .group(id: group)
            }
        }
    }

    var how: Int32
    var what: Id
    var origin: Origin
    /// The packages that answer it.
    var candidates: [Id]
    /// Whether it need not be answered: a group's member that is wanted only beside another package.
    var isConditional = false
}

/// Turns specs and groups into jobs as dnf4 does (`Base.install`, `_get_best_selectors`, `_finalize_comps_trans`).
struct JobBuilder {
    let request: SolveRequest
    let pool: SolvPool
    let matcher: SpecMatcher
    let exclusions: Exclusions
    let files: CommandLinePackages
    private(set) var jobs: [Job] = []
    private(set) var satisfied: [Solution.Satisfied] = []
    private(set) var warnings: [String] = []
    /// A spec can only be answered with file lists.
    private(set) var needsFilelists = false
    /// A spec may mean any package: a pattern that no name fits, or a rich dependency.
    private(set) var needsAllPackages = false
    private var unmatched: [Refusal] = []

    init(_ request: SolveRequest, matcher: SpecMatcher, exclusions: Exclusions, files: CommandLinePackages) {
        self.request = request
        self.pool = matcher.pool
        self.matcher = matcher
        self.exclusions = exclusions
        self.files = files
    }

    /// - Parameter withFilelists: whether the pool knows all files; else a path that primary can't tell asks for them.
    /// - Throws: `.unsatisfiable`, naming every spec that matches nothing.
    mutating func build(withFilelists: Bool, modules: ModuleFilter?) throws(ProvisionError) {
        for file in files.ids { add(file: file) }
        for spec in request.specs { add(spec, withFilelists: withFilelists) }
        if needsFilelists { return }
        if let modules {
            warnings += modules.warnings
            for member in modules.members { add(member, modules) }
        }
        if request.strict {
            if !unmatched.isEmpty { throw Refusal.combined(unmatched) }
        } else {
            warnings += unmatched.map { "\(Refusal.listed($0.subjects)) is left out: \($0.causes.joined(separator: "; "))" }
        }
        for group in request.groups {
            for member in group.members { add(member, of: group.id) }
        }
    }

    /// The queue for the solver, with what goes beside the jobs proper, which come first and keep their order.
    func queue(best: Bool) -> IDQueue { queue(jobs, best: best, strict: request.strict) }

    /// As `queue(best:)`, for some of the jobs.
    func queue(_ jobs: [Job], best: Bool, strict: Bool) -> IDQueue {
        let queue = IDQueue()
        for job in jobs {
            queue.push(job.how | (best ? SOLVER_FORCEBEST : 0) | (strict ? 0 : SOLVER_WEAK), job.what)
        }
        if request.weakDependencies {
            let excluded = request.weakExcludes.flatMap { matcher.matchIdentity($0, scope: .everything)?.packages ?? [] }
            for id in WeakExclusions.find(in: pool, matcher: matcher) + excluded {
                queue.push(SOLVER_SOLVABLE | SOLVER_EXCLUDEFROMWEAK, id)
            }
        }
        for name in request.installOnly {
            queue.push(SOLVER_MULTIVERSION | SOLVER_SOLVABLE_PROVIDES, pool.intern(name))
        }
        return queue
    }

    // MARK: Files

    /// This very package, unless it is there or hidden. Source: dnf4's `Base.package_install`.
    private mutating func add(file id: Id) {
        guard let file = files[id] else { return }
        let key = PackageKey(id, in: pool)
        if let there = matcher.packages.first(where: { pool.isInstalled($0) && PackageKey($0, in: pool) == key }) {
            satisfied.append(Solution.Satisfied(spec: file.spec, package: pool.nevra(of: there)))
        } else if let reason = exclusions.reasons[id] {
            unmatched.append(
                Refusal(
                    subjects: ["\"\(file.spec)\""], causes: ["\(file.nevra) is \(reason.text)"], hint: reason.remedy))
        } else {
            addOneOf([id], origin: .spec(file.spec))
        }
    }

    // MARK: Specs

    private mutating func add(_ spec: String, withFilelists: Bool) {
        let match = matcher.match(spec)
        if match?.form == nil, isGlob(spec) || spec.hasPrefix("(") { needsAllPackages = true }
        if !withFilelists, isFilePattern(spec), match == nil || isGlob(spec) {
            if isGlob(spec) || !isListedInPrimary(spec) {
                needsFilelists = true
                return
            }
        }
        guard let match else {
            unmatched.append(Refusal.unmatched(spec, matcher: matcher, exclusions: exclusions))
            return
        }
        let origin = Job.Origin.spec(spec)
        let plainName = match.form?.isJustName ?? false
        if request.multilibPolicy == .all || match.form?.arch.map(isGlob) ?? false {
            addEachArchitecture(match.packages, origin: origin)
        } else if isGlob(spec), !isFilePattern(spec) {
            addEachName(match.packages, withObsoletes: plainName, origin: origin)
        } else {
            let obsoleting = request.obsoletes && plainName ? matcher.obsoleting(Set(match.packages)) : []
            addOneOf(match.packages + obsoleting, origin: origin)
        }
    }

    /// A pattern asks for every name that it matches, one package each.
    private mutating func addEachName(_ packages: [Id], withObsoletes: Bool, origin: Job.Origin) {
        let available = Set(packages.filter { !pool.isInstalled($0) }.map { pool.solvable($0).pointee.name })
        var names: [Id] = []
        var byName: [Id: [Id]] = [:]
        for id in packages {
            let name = pool.solvable(id).pointee.name
            guard available.contains(name) else { continue }
            if byName[name] == nil { names.append(name) }
            byName[name, default: []].append(id)
        }
        for name in names {
            let candidates = byName[name] ?? []
            let obsoleting = request.obsoletes && withObsoletes ? matcher.obsoleting(Set(candidates)) : []
            addOneOf(candidates + obsoleting, origin: origin)
        }
    }

    /// One package for each name and architecture that isn't installed.
    private mutating func addEachArchitecture(_ packages: [Id], origin: Job.Origin) {
        struct Key: Hashable { var name, arch: Id }
        func key(_ id: Id) -> Key { Key(name: pool.solvable(id).pointee.name, arch: pool.solvable(id).pointee.arch) }
        let installed = Dictionary(packages.filter(pool.isInstalled).map { (key($0), $0) }) { first, _ in first }
        var keys: [Key] = []
        var byKey: [Key: [Id]] = [:]
        for id in packages where !pool.isInstalled(id) {
            if byKey[key(id)] == nil { keys.append(key(id)) }
            byKey[key(id), default: []].append(id)
        }
        for key in keys {
            if let old = installed[key] {
                satisfied.append(Solution.Satisfied(spec: origin.subject, package: pool.nevra(of: old)))
                continue
            }
            let candidates = byKey[key] ?? []
            addOneOf(candidates + (request.obsoletes ? matcher.obsoleting(Set(candidates)) : []), origin: origin)
        }
    }

    private mutating func addOneOf(_ packages: [Id], origin: Job.Origin) {
        let candidates = Set(packages).sorted()
        let list = pool.list(candidates)
        jobs.append(
            Job(
                how: SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF | SOLVER_SETARCH | SOLVER_SETEVR, what: list, origin: origin,
                candidates: candidates))
    }

    // MARK: Profiles and groups

    /// One of the stream's own packages or of a repository for hot fixes; else any of that name.
    private mutating func add(_ member: ModuleFilter.Member, _ modules: ModuleFilter) {
        let origin = Job.Origin.member(member.name, group: member.profile)
        let packages = matcher.named(member.name)
        let keys = Set(member.artifacts.compactMap { PackageKey($0, in: pool) })
        let own = packages.filter {
            keys.contains(PackageKey($0, in: pool)) || modules.hotfixRepositories.contains(pool.repositoryID(of: $0))
        }
        guard !packages.isEmpty else {
            var refusal = Refusal.unmatched(member.name, matcher: matcher, exclusions: exclusions)
            refusal.subjects = [origin.quoted]
            unmatched.append(refusal)
            return
        }
        addOneOf(own.isEmpty ? packages : own, origin: origin)
    }

    private mutating func add(_ member: RequestedGroup.Member, of group: String) {
        let origin = Job.Origin.member(member.name, group: group)
        var packages = matcher.named(member.name)
        if member.nativeOnly { packages.removeAll { pool.string(pool.solvable($0).pointee.arch) != request.architecture } }
        guard !packages.isEmpty else {
            let why = Refusal.unmatched(member.name, matcher: matcher, exclusions: exclusions)
            warnings.append(
                "group \"\(group)\" lists \"\(member.name)\": \(why.causes.first ?? "no enabled repository has it")")
            return
        }
        if let condition = member.condition {
            let dependency = pool_parserpmrichdep(pool.raw, "(\(member.name) if \(condition))")
            jobs.append(
                Job(
                    how: SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES, what: dependency, origin: origin, candidates: packages,
                    isConditional: true))
        } else if request.multilibPolicy == .all {
            addEachArchitecture(packages, origin: origin)
        } else {
            addOneOf(packages + (request.obsoletes ? matcher.obsoleting(Set(packages)) : []), origin: origin)
        }
    }
}
