internal import CSolv
internal import Model

/// The table of sentences: one for each kind of rule.
struct RuleSentences {
    let pool: SolvPool
    let matcher: SpecMatcher
    let exclusions: Exclusions
    let architecture: String

    func callAsFunction(_ fact: RuleFact) -> String {
        let source = name(fact.source)
        let target = name(fact.target)
        let dependency = fact.dependency == 0 ? "" : pool.dependency(fact.dependency)
        return switch fact.kind {
        case SOLVER_RULE_PKG_NOT_INSTALLABLE: notInstallable(fact.source)
        case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP: "no enabled repository provides \(dependency)\(aside(fact.dependency))"
        case SOLVER_RULE_PKG_REQUIRES: "\(source) requires \(dependency)"
        case SOLVER_RULE_PKG_RECOMMENDS, SOLVER_RULE_RECOMMENDS: "\(source) recommends \(dependency)"
        case SOLVER_RULE_PKG_SUPPLEMENTS: "\(source) supplements \(dependency)"
        case SOLVER_RULE_PKG_SELF_CONFLICT: "\(source) conflicts with \(dependency), which it provides itself"
        case SOLVER_RULE_PKG_CONFLICTS, SOLVER_RULE_PKG_CONSTRAINS:
            "\(source) conflicts with \(dependency)" + provided(by: fact.target, as: fact.dependency)
        case SOLVER_RULE_PKG_SAME_NAME: "\(source) and \(target) can't be installed together"
        case SOLVER_RULE_PKG_OBSOLETES, SOLVER_RULE_PKG_IMPLICIT_OBSOLETES, SOLVER_RULE_PKG_INSTALLED_OBSOLETES:
            "\(source) obsoletes \(dependency)" + provided(by: fact.target, as: fact.dependency)
        case SOLVER_RULE_YUMOBS: "\(source) and \(target) both obsolete \(dependency)"
        case SOLVER_RULE_UPDATE, SOLVER_RULE_FEATURE: "\(source) is installed and has no replacement that fits"
        case SOLVER_RULE_INFARCH: "\(source) is of an architecture that ranks below another of the same name"
        case SOLVER_RULE_DISTUPGRADE: "\(source) is in no enabled repository"
        case SOLVER_RULE_BLACK: "\(source) may only come in as a direct request"
        case SOLVER_RULE_STRICT_REPO_PRIORITY: "\(source) is in a repository that ranks below another with the same name"
        case SOLVER_RULE_BEST:
            fact.source > 1 ? "\(source) is installed and a newer one can't be" : "the newest version can't be installed"
        case SOLVER_RULE_JOB, SOLVER_RULE_CHOICE, SOLVER_RULE_LEARNT: "the requests contradict each other"
        case SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP: "no enabled repository provides \(dependency)\(aside(fact.dependency))"
        case SOLVER_RULE_JOB_UNKNOWN_PACKAGE: "no enabled repository has \(dependency)"
        case SOLVER_RULE_JOB_PROVIDED_BY_SYSTEM: "\(dependency) is provided by the system"
        case SOLVER_RULE_JOB_UNSUPPORTED: "the solver doesn't support this request"
        default: source.isEmpty ? "a dependency can't be satisfied" : "\(source) has a dependency that can't be satisfied"
        }
    }

    func installed(_ package: Id) -> String { "\(name(package)) is installed" }

    private func name(_ package: Id) -> String { package > 1 ? pool.nevra(of: package).description : "" }

    private func notInstallable(_ package: Id) -> String {
        if let reason = exclusions.reasons[package] { return "\(name(package)) is \(reason.text)" }
        if pool.isSource(package) { return "\(name(package)) is a source package" }
        if pool.isForeign(package) {
            let arch = pool.string(pool.solvable(package).pointee.arch)
            return "\(name(package)) is for architecture \(arch), not for \(architecture)"
        }
        return "\(name(package)) can't be installed"
    }

    /// `, which bar-1-1.noarch provides`, unless the capability is that package's name.
    func provided(by package: Id, as dependency: Id) -> String {
        guard package > 1 else { return "" }
        if pool.names(in: dependency) == [pool.solvable(package).pointee.name], pool.relation(dependency) == nil {
            return " (\(name(package)))"
        }
        return ", which \(name(package)) provides"
    }

    /// What comes near to a missing dependency: another version, or another architecture.
    private func aside(_ dependency: Id) -> String {
        let names = Set(pool.names(in: dependency))
        let there = names.sorted().flatMap { pool.providers(of: $0) }.filter { pool.isConsidered($0) && $0 > 1 }
        if !there.isEmpty {
            return " (there is \(Refusal.listed(Refusal.newest(there, in: pool).map(self.name))))"
        }
        let foreign = matcher.packages.filter { names.contains(pool.solvable($0).pointee.name) && pool.isForeign($0) }
        guard let first = Refusal.newest(foreign, in: pool).first else { return "" }
        return " (\(name(first)) is for another architecture)"
    }
}
