internal import CSolv
internal import Diagnostics

/// Turns the solver's problems into refusals, each with the shortest chain from a request to its cause.
struct Explanation {
    let solver: SolverHandle
    let pool: SolvPool
    let jobs: [Job]
    let sentences: RuleSentences
    /// What helps whatever the cause is.
    let hint: String?

    /// What a problem is made of.
    private struct Problem {
        var jobs: [Int] = []
        var facts: [RuleFact] = []
    }

    func refusals() -> [Refusal] {
        (1...max(1, Id(solver_problem_count(solver.raw)))).map { refusal(of: problem($0)) }
    }

    private func problem(_ number: Id) -> Problem {
        var problem = Problem()
        let rules = IDQueue()
        solver_findallproblemrules(solver.raw, number, &rules.raw)
        for rule in rules.ids {
            var source: Id = 0
            var target: Id = 0
            var dependency: Id = 0
            let kind = solver_ruleinfo(solver.raw, rule, &source, &target, &dependency)
            // A rule that insists on the newest candidate refers to the rule of its job.
            let job = Int(solver_rule2jobidx(solver.raw, kind == SOLVER_RULE_BEST ? target : rule)) - 1
            if job >= 0, job / 2 < jobs.count, !problem.jobs.contains(job / 2) { problem.jobs.append(job / 2) }
            if job >= 0 { continue }
            let infos = IDQueue()
            solver_allruleinfos(solver.raw, rule, &infos.raw)
            let ids = infos.ids
            for start in stride(from: 0, to: ids.count - 3, by: 4) {
                let fact = RuleFact(
                    kind: SolverRuleinfo(rawValue: UInt32(bitPattern: ids[start])), source: ids[start + 1],
                    target: ids[start + 2], dependency: ids[start + 3])
                if !problem.facts.contains(fact) { problem.facts.append(fact) }
            }
        }
        problem.jobs.sort()
        return problem
    }

    // MARK: The shortest chain

    /// How a package is reached from the request: the requires that lead to it, nearest to the request first.
    private typealias Paths = [Id: [(fact: RuleFact, provider: Id)]]

    private func refusal(of problem: Problem) -> Refusal {
        let paths = paths(in: problem)
        var best: (length: Int, fact: RuleFact)?
        for fact in problem.facts {
            guard let length = length(to: fact, paths) else { continue }
            if best.map({ length < $0.length }) ?? true { best = (length, fact) }
        }
        var causes: [String] = []
        if let fact = best?.fact {
            causes = chain(to: fact, paths)
        } else {
            causes = problem.facts.map { sentences($0) }
        }
        var seen: Set<String> = []
        causes = causes.filter { seen.insert($0).inserted }
        if causes.isEmpty { causes = [sentences(RuleFact(kind: SOLVER_RULE_JOB, source: 0, target: 0, dependency: 0))] }
        return Refusal(
            subjects: problem.jobs.map { jobs[$0].origin.quoted }, causes: causes, hint: hint(cause: best?.fact))
    }

    /// In breadth from the candidates of the jobs, newest first, along the requires among the facts.
    private func paths(in problem: Problem) -> Paths {
        var paths: Paths = [:]
        var queue: [Id] = []
        let candidates = problem.jobs.flatMap { jobs[$0].candidates }
        for id in candidates.sorted(by: { pool.compareVersions($0, $1) > 0 }) where paths[id] == nil {
            paths[id] = []
            queue.append(id)
        }
        var edges: [Id: [RuleFact]] = [:]
        for fact in problem.facts where fact.shape == .edge { edges[fact.source, default: []].append(fact) }
        // An installed package that has to stay needs no path to it, but what it requires may matter.
        for source in edges.keys.sorted() where pool.isInstalled(source) && paths[source] == nil {
            paths[source] = []
            queue.append(source)
        }
        var position = 0
        while position < queue.count {
            let package = queue[position]
            position += 1
            for fact in edges[package] ?? [] {
                for provider in pool.providers(of: fact.dependency) where paths[provider] == nil {
                    paths[provider] = (paths[package] ?? []) + [(fact, provider)]
                    queue.append(provider)
                }
            }
        }
        return paths
    }

    /// nil where the fact explains nothing by itself or can't be reached.
    private func length(to fact: RuleFact, _ paths: Paths) -> Int? {
        func distance(_ id: Id) -> Int? { paths[id]?.count ?? (pool.isInstalled(id) ? 0 : nil) }
        switch fact.shape {
        case .edge, .background: return nil
        case .single: return distance(fact.source)
        case .pair:
            guard let source = distance(fact.source), let target = distance(fact.target) else { return nil }
            return source + target
        }
    }

    private func chain(to fact: RuleFact, _ paths: Paths) -> [String] {
        var causes = steps(to: fact.source, paths)
        switch fact.shape {
        case .pair:
            causes += steps(to: fact.target, paths)
            for end in [fact.source, fact.target] where pool.isInstalled(end) { causes.append(sentences.installed(end)) }
        default: break
        }
        if fact.kind == SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP {
            causes.append(
                sentences(RuleFact(kind: SOLVER_RULE_PKG_REQUIRES, source: fact.source, target: 0, dependency: fact.dependency))
            )
        }
        return causes + [sentences(fact)]
    }

    private func steps(to package: Id, _ paths: Paths) -> [String] {
        (paths[package] ?? []).map { step in
            let name = pool.solvable(step.provider).pointee.name
            let isPlain = pool.names(in: step.fact.dependency) == [name]
            return sentences(step.fact) + (isPlain ? "" : sentences.provided(by: step.provider, as: step.fact.dependency))
        }
    }

    private func hint(cause: RuleFact?) -> String? {
        if let cause, cause.kind == SOLVER_RULE_PKG_NOT_INSTALLABLE, let reason = sentences.exclusions.reasons[cause.source] {
            return reason.remedy
        }
        return hint
    }
}
