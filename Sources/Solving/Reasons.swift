internal import CSolv
internal import Model

/// Who asked for each package of an answer.
///
/// A walk in breadth from what was requested, in the order of the request, along the requires (then the recommends) of the
/// answer's own packages. So each package gets the shortest chain to the request, and the same answer the same reasons:
/// the solver's own log of decisions has neither property.
struct Reasons {
    private let pool: SolvPool
    private let members: Set<Id>
    private var found: [Id: Reason] = [:]
    private var queue: [Id] = []

    /// - Parameters:
    ///   - packages: the new packages of the answer.
    ///   - installed: what is installed and stays: its weak dependencies may have asked for something too.
    init(packages: [Id], installed: [Id], jobs: [Job], solver: SolverHandle, pool: SolvPool) {
        self.pool = pool
        members = Set(packages)
        for job in jobs {
            for id in job.candidates where members.contains(id) { reach(id, job.origin.reason) }
        }
        var position = 0
        walk(SOLVABLE_REQUIRES, from: &position) { .requires(capability: $0, by: $1) }
        // A recommended package's requires follow before the next recommends are looked at.
        var weakPosition = 0
        while weakPosition < queue.count {
            let package = queue[weakPosition]
            weakPosition += 1
            follow(SOLVABLE_RECOMMENDS, of: package) { .recommended(capability: $0, by: $1) }
            walk(SOLVABLE_REQUIRES, from: &position) { .requires(capability: $0, by: $1) }
        }
        for package in packages where found[package] == nil {
            explainRest(package, others: queue + installed, solver: solver)
            walk(SOLVABLE_REQUIRES, from: &position) { .requires(capability: $0, by: $1) }
        }
    }

    subscript(package: Id) -> Reason { found[package] ?? .requested(spec: pool.name(of: package)) }

    private mutating func reach(_ package: Id, _ reason: Reason) {
        guard found[package] == nil else { return }
        found[package] = reason
        queue.append(package)
    }

    private mutating func walk(_ kind: solv_knownid, from position: inout Int, _ reason: (String, String) -> Reason) {
        while position < queue.count {
            let package = queue[position]
            position += 1
            follow(kind, of: package, reason)
        }
    }

    private mutating func follow(_ kind: solv_knownid, of package: Id, _ reason: (String, String) -> Reason) {
        for dependency in pool.dependencies(kind, of: package) {
            for name in pool.parts(of: dependency) {
                for provider in pool.providers(of: name) where provider != package && isMissing(provider) {
                    reach(provider, reason(pool.dependency(dependency), pool.nevra(of: package).description))
                }
            }
        }
    }

    private func isMissing(_ package: Id) -> Bool { members.contains(package) && found[package] == nil }

    /// What no requires led to: it supplements something, or answers an installed package.
    private mutating func explainRest(_ package: Id, others: [Id], solver: SolverHandle) {
        let present = Set(others)
        for dependency in pool.dependencies(SOLVABLE_SUPPLEMENTS, of: package) {
            for name in pool.parts(of: dependency) {
                if let other = pool.providers(of: name).first(where: { present.contains($0) && $0 != package }) {
                    let by = pool.nevra(of: other).description
                    return reach(package, .recommended(capability: pool.dependency(dependency), by: by))
                }
            }
        }
        var rule: Id = 0
        _ = solver_describe_decision(solver.raw, package, &rule)
        var source: Id = 0
        var target: Id = 0
        var dependency: Id = 0
        let kind = solver_ruleinfo(solver.raw, rule, &source, &target, &dependency)
        let capability = dependency == 0 ? pool.name(of: package) : pool.dependency(dependency)
        switch kind {
        case SOLVER_RULE_PKG_REQUIRES where source > 1:
            reach(package, .requires(capability: capability, by: pool.nevra(of: source).description))
        case SOLVER_RULE_PKG_RECOMMENDS where source > 1:
            reach(package, .recommended(capability: capability, by: pool.nevra(of: source).description))
        default:
            // An update that the rest of the answer forces: the old package needs it.
            let old = others.first {
                pool.isInstalled($0) && pool.solvable($0).pointee.name == pool.solvable(package).pointee.name
            }
            let by = old ?? package
            reach(package, .requires(capability: pool.name(of: package), by: pool.nevra(of: by).description))
        }
    }
}

extension SolvPool {
    /// The simple dependencies that a rich one is made of, versions kept.
    func parts(of dependency: Id) -> [Id] {
        guard let relation = relation(dependency) else { return [dependency] }
        return switch relation.flags {
        case REL_AND, REL_OR, REL_COND, REL_UNLESS, REL_ELSE: parts(of: relation.name) + parts(of: relation.evr)
        default: [dependency]
        }
    }
}
