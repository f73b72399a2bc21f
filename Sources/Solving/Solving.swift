internal import CSolv
public import Diagnostics
internal import Model
internal import System

/// Finds the packages to install for a request: the ones that dnf4 would choose of the same repositories and settings.
///
/// As `SolveSession.solve`, for one request.
public func solve(_ request: SolveRequest, progress: any ProgressSink) throws -> Solution {
    try SolveSession().solve(request, progress: progress)
}

/// Answers requests one after another, and loads metadata once for those that ask the same repositories on top of the same root.
public final class SolveSession {
    private var loaded: Resolution?

    public init() {}

    /// Finds the packages to install for a request.
    ///
    /// Reports the phase `.resolve`. Metadata is read from the cache where it is there; file lists are asked for only where the
    /// answer depends on a file that primary doesn't tell.
    /// - Throws: `.unsatisfiable` with the chain of causes; `.verification` for metadata that can't be used; `.interrupted`;
    ///   what a repository's `filelists` throws.
    public func solve(_ request: SolveRequest, progress: any ProgressSink) throws -> Solution {
        try progress.phase(.resolve) {
            let solution = try answer(request, progress)
            let count = solution.plan.packages.count
            return (solution, note: count == 0 ? "nothing to do" : "\(count) package\(count == 1 ? "" : "s")")
        }
    }

    private func answer(_ request: SolveRequest, _ progress: any ProgressSink) throws -> Solution {
        switch try quickAnswer(request, progress) {
        case .solution(let solution): return solution
        case .needsFilelists: break
        case nil:
            let resolution = try resolution(request, progress)
            defer { resolution.indexing?.finish(progress) }
            if let solution = try resolution.solve(request) { return solution }
        }
        progress.detail("a needed file is not in primary metadata: loading file lists")
        guard let solution = try Resolution(request, progress: progress, withFilelists: true).solve(request) else {
            throw ProvisionError(.failed, "the solver asks for file lists that it has")
        }
        return solution
    }

    private enum QuickAnswer { case solution(Solution), needsFilelists }

    /// An answer out of the packages that the request can have to do with, where the cache has indexes to find them by; nil where
    /// all packages must be asked. What can't be had is explained out of all of them, too.
    private func quickAnswer(_ request: SolveRequest, _ progress: any ProgressSink) throws -> QuickAnswer? {
        if let loaded, loaded.fits(request) { return nil }
        guard request.strict, request.files.isEmpty else { return nil }
        do {
            guard let resolution = try Resolution(closureOf: request, progress: progress) else { return nil }
            let solution = try resolution.solve(request)
            if let closure = resolution.closure {
                progress.detail("\(closure.count) of \(closure.countOfAll) packages can have to do with it")
            }
            return solution.map { .solution($0) } ?? .needsFilelists
        } catch let error as ProvisionError {
            if error.code == .unsatisfiable { return nil }
            throw error
        } catch is ClosureIndex.Damage {
            return nil
        } catch is NeedsAllPackages {
            return nil
        }
    }

    private func resolution(_ request: SolveRequest, _ progress: any ProgressSink) throws -> Resolution {
        if let loaded, loaded.fits(request) { return loaded }
        let made = try Resolution(request, progress: progress, withFilelists: false)
        loaded = made
        return made
    }
}

/// Only all packages together tell what a request means.
private struct NeedsAllPackages: Error {}

/// One attempt at a request, with file lists or without.
struct Resolution {
    private let loaded: SolveRequest
    private let pool: SolvPool
    private let files: CommandLinePackages
    private let placeholder: FilePlaceholder?
    private let withFilelists: Bool
    /// Where not everything is loaded.
    let closure: Closure?
    /// Indexes in the making.
    let indexing: Indexing?

    init(_ request: SolveRequest, progress: any ProgressSink, withFilelists: Bool) throws {
        let pool = try Self.pool(request, progress)
        let cache = SolvCache(directory: request.cache)
        let loader = MetadataLoader(pool: pool, cache: cache, limit: request.metadataLimit, progress: progress)
        let parsed = try request.repositories.map { source in
            try Interruption.check()
            return try loader.parsed(source)
        }
        let indexing = withFilelists ? nil : Indexing(parsed, in: cache)
        for one in parsed { try loader.load(one, withFilelists: withFilelists) }
        try self.init(request, pool, withFilelists: withFilelists, closure: nil, indexing: indexing)
    }

    /// With those packages alone that the request can have to do with; nil where not all repositories are indexed.
    init?(closureOf request: SolveRequest, progress: any ProgressSink) throws {
        let cache = SolvCache(directory: request.cache)
        var sources: [(RepositorySource, ClosureIndex)] = []
        for source in request.repositories {
            guard let index = try cache.closureIndex(of: source) else { return nil }
            sources.append((source, index))
        }
        let pool = try Self.pool(request, progress)
        let search = try ClosureSearch(request, in: sources.map(\.1), installed: pool)
        let closure = try Closure(search.found, of: sources, into: pool)
        try self.init(request, pool, withFilelists: false, closure: closure, indexing: nil)
    }

    /// With what is installed: first, as dnf does, for the order of loading breaks ties.
    private static func pool(_ request: SolveRequest, _ progress: any ProgressSink) throws -> SolvPool {
        let pool = SolvPool(architecture: request.architecture)
        if let installed = request.installed {
            let cache = SolvCache(directory: request.cache)
            try InstalledPackages.load(installed, into: pool, cache: cache, progress: progress)
        }
        return pool
    }

    private init(
        _ request: SolveRequest, _ pool: SolvPool, withFilelists: Bool, closure: Closure?, indexing: Indexing?
    ) throws {
        loaded = request
        self.pool = pool
        self.withFilelists = withFilelists
        self.closure = closure
        self.indexing = indexing
        files = try CommandLinePackages(request.files, into: pool)
        placeholder = withFilelists ? nil : FilePlaceholder(in: pool)
        pool.prepare()
        placeholder?.provideUnknownFiles()
    }

    /// Whether what is loaded answers this request too. Modules and package files put packages of their own into the pool.
    func fits(_ request: SolveRequest) -> Bool {
        func world(_ request: SolveRequest) -> [String] {
            request.repositories.map { "\($0.id) \($0.generation) \($0.priority) \($0.cost) \($0.primary)" }
                + [request.architecture, "\(request.cache)"]
                + (request.installed.map { ["\($0.root) \($0.databasePath) \($0.generation ?? "")"] } ?? [])
        }
        let isPlain = closure == nil && [loaded, request].allSatisfy { $0.modules == nil && $0.files.isEmpty }
        return isPlain && world(loaded) == world(request)
    }

    /// nil where only file lists can tell.
    func solve(_ request: SolveRequest) throws -> Solution? {
        let matcher = SpecMatcher(pool, besides: placeholder?.package)
        let modules = try request.modules.map { modules throws(ProvisionError) in
            try ModuleFilter(modules, pool: pool, architecture: request.architecture)
        }
        let exclusions = Exclusions(request, matcher: matcher, modules: modules)
        exclusions.apply(to: pool)
        var builder = JobBuilder(request, matcher: matcher, exclusions: exclusions, files: files)
        try builder.build(withFilelists: withFilelists, modules: modules)
        if closure != nil, builder.needsAllPackages { throw NeedsAllPackages() }
        if builder.needsFilelists { return nil }

        try Interruption.check()
        let solver = makeSolver(request)
        guard solver.solve(builder.queue(best: request.best)) else {
            let olderWouldDo = request.best && makeSolver(request).solve(builder.queue(best: false))
            throw Refusal.combined(
                refusals(
                    solver, builder, builder.jobs, hint: olderWouldDo ? "older versions would do: `--setopt best=0`" : nil))
        }
        return try solution(solver, builder, request, modules)
    }

    private func refusals(_ solver: SolverHandle, _ builder: JobBuilder, _ jobs: [Job], hint: String? = nil) -> [Refusal] {
        let sentences = RuleSentences(
            pool: pool, matcher: builder.matcher, exclusions: builder.exclusions, architecture: builder.request.architecture)
        return Explanation(solver: solver, pool: pool, jobs: jobs, sentences: sentences, hint: hint).refusals()
    }

    /// What strict=0 lets the solver leave out, and why: what it says when one of those jobs is insisted on beside those that it did.
    private func leftOut(_ left: [Job], beside done: [Job], _ builder: JobBuilder) -> [String] {
        left.map { job in
            let solver = makeSolver(builder.request)
            let jobs = done + [job]
            let causes =
                solver.solve(builder.queue(jobs, best: builder.request.best, strict: true))
                ? ["the solver chose others"] : refusals(solver, builder, jobs).flatMap(\.causes)
            return "\(job.origin.quoted) is left out: \(causes.joined(separator: "; "))"
        }
    }

    /// The flags are libdnf's (`Goal::Impl::initSolver` and `solve` for an install).
    private func makeSolver(_ request: SolveRequest) -> SolverHandle {
        let solver = SolverHandle(pool)
        solver.set(SOLVER_FLAG_ALLOW_VENDORCHANGE, true)
        solver.set(SOLVER_FLAG_DUP_ALLOW_VENDORCHANGE, true)
        solver.set(SOLVER_FLAG_KEEP_ORPHANS, true)
        solver.set(SOLVER_FLAG_BEST_OBEY_POLICY, true)
        solver.set(SOLVER_FLAG_YUM_OBSOLETES, true)
        solver.set(SOLVER_FLAG_ALLOW_DOWNGRADE, true)
        solver.set(SOLVER_FLAG_IGNORE_RECOMMENDED, !request.weakDependencies)
        // yum's exactarch=0, which dnf no longer knows.
        solver.set(SOLVER_FLAG_ALLOW_ARCHCHANGE, !request.exactArchitecture)
        return solver
    }

    private func solution(
        _ solver: SolverHandle, _ builder: JobBuilder, _ request: SolveRequest, _ modules: ModuleFilter?
    ) throws -> Solution? {
        let transaction = solver.orderedTransaction()
        let steps = transaction.steps
        let new = steps.filter { !pool.isInstalled($0) }
        if let placeholder {
            if new.contains(placeholder.package) || new.contains(where: hasConflictByFile) { return nil }
            if request.weakDependencies, pool.packages.contains(where: supplementsFile) { return nil }
        }

        let gone = Set(steps.filter(pool.isInstalled))
        let kept = pool.raw.pointee.installed.map { pool.packages(of: $0).filter { !gone.contains($0) } } ?? []
        let reasons = Reasons(packages: new, installed: kept, jobs: builder.jobs, solver: solver, pool: pool)
        let packages = try new.map { id in
            let facts = try closure?.facts(of: id) ?? pool.facts(of: id)
            return try pool.planned(id, facts, reason: reasons[id], file: files[id])
        }

        let replaced = steps.filter { gone.contains($0) }.map { old in
            Solution.Replacement(old: pool.nevra(of: old), new: transaction.replacement(of: old).map(pool.nevra))
        }
        var satisfied = builder.satisfied
        let newSet = Set(new)
        let keptSet = Set(kept)
        var left: [Job] = []
        for job in builder.jobs where !job.candidates.contains(where: newSet.contains) {
            if let there = job.candidates.first(where: keptSet.contains) {
                satisfied.append(Solution.Satisfied(spec: job.origin.subject, package: pool.nevra(of: there)))
            } else if !job.isConditional {
                left.append(job)
            }
        }
        var warnings = builder.warnings
        if !request.strict {
            let done = builder.jobs.filter { $0.candidates.contains { newSet.contains($0) || keptSet.contains($0) } }
            warnings += leftOut(left, beside: done, builder)
        }
        var selection = Selection()
        selection.modules = modules?.changes(installing: packages.map(\.nevra)) ?? []
        return Solution(
            plan: Plan(packages: packages, warnings: warnings, selection: selection), alreadyInstalled: satisfied,
            replaced: replaced)
    }

    /// Whether the package conflicts with a file that only file lists can tell the owners of.
    private func hasConflictByFile(_ package: Id) -> Bool { namesUnknownFile(SOLVABLE_CONFLICTS, package) }

    /// Whether the package wants to come along with whatever owns such a file.
    private func supplementsFile(_ package: Id) -> Bool {
        pool.solvable(package).pointee.supplements != 0 && namesUnknownFile(SOLVABLE_SUPPLEMENTS, package)
    }

    private func namesUnknownFile(_ kind: solv_knownid, _ package: Id) -> Bool {
        pool.dependencies(kind, of: package).contains { dependency in
            pool.names(in: dependency).contains { name in
                let text = pool.string(name)
                return text.hasPrefix("/") && !isListedInPrimary(text)
            }
        }
    }
}
