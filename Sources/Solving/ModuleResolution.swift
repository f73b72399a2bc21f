internal import CSolv
internal import Repositories

/// Chooses the streams of modules that are active, with a solver of its own.
///
/// Each stream is a package there: it provides `module(NAME)` and `module(NAME:STREAM)`, conflicts with `module(NAME)` and
/// requires other modules' streams. Source: libdnf's `ModulePackageContainer::Impl::moduleSolve` and
/// `ModulePackage::createDependencies`.
struct ModuleResolution {
    /// Numbers of the active streams, of those given.
    private(set) var active: Set<Int> = []
    /// A default or an enabled stream can't be had.
    private(set) var problems: [String] = []

    private let pool: SolvPool
    private var solvables: [Id] = []

    /// - Parameters:
    ///   - streams: of all repositories.
    ///   - wanted: numbers of those that are enabled, true, or active only by default, false.
    ///   - platform: `NAME:STREAM` of the system.
    init(_ streams: [ModuleStream], wanted: [Int: Bool], platform: String?, architecture: String) {
        pool = SolvPool(architecture: architecture)
        guard !wanted.isEmpty else { return }
        if let platform, let colon = platform.firstIndex(of: ":") {
            let repository = pool.addRepository("@System")
            _ = add(
                String(platform[..<colon]), String(platform[platform.index(after: colon)...]), context: "00000000",
                version: "0",
                arch: "noarch", to: repository)
            pool_set_installed(pool.raw, repository)
        }
        let repository = pool.addRepository("modules")
        let contexts = ModuleResolution.contexts(of: streams)
        for (stream, context) in zip(streams, contexts) {
            let id = add(
                stream.name, stream.stream, context: context, version: String(stream.version), arch: stream.arch, to: repository
            )
            addDependencies(of: stream, to: id)
            solvables.append(id)
        }
        pool.prepare()
        solve(streams, wanted)
    }

    /// A context that is a hash of a build says nothing: streams that require the same are the same.
    private static func contexts(of streams: [ModuleStream]) -> [String] {
        struct Key: Hashable { var label, requires: String }
        func key(_ stream: ModuleStream) -> Key {
            let words = stream.requires.flatMap { $0 }.filter { $0.key != "platform" }.map { name, streams in
                streams.isEmpty ? name : "\(name):[\(streams.sorted().joined(separator: ","))]"
            }
            return Key(label: stream.label, requires: words.sorted().joined(separator: ";"))
        }
        var stated: [Key: String] = [:]
        for stream in streams where stream.hasStaticContext && stated[key(stream)] == nil {
            stated[key(stream)] = stream.context
        }
        return streams.map { stream in
            if stream.hasStaticContext { return stream.context }
            let key = key(stream)
            return stated[key] ?? (key.requires.isEmpty ? "NoRequires" : key.requires)
        }
    }

    private func add(
        _ name: String, _ stream: String, context: String, version: String, arch: String,
        to repository: UnsafeMutablePointer<Repo>
    ) -> Id {
        let id = repo_add_solvable(repository)
        let solvable = pool.solvable(id)
        solvable.pointee.name = pool.intern("\(name):\(stream):\(context)")
        solvable.pointee.evr = pool.intern(version)
        solvable.pointee.arch = pool.intern(arch)
        solvable_add_deparray(solvable, SOLVABLE_PROVIDES.id, pool.intern("module(\(name))"), -1)
        solvable_add_deparray(solvable, SOLVABLE_CONFLICTS.id, pool.intern("module(\(name))"), 0)
        solvable_add_deparray(solvable, SOLVABLE_PROVIDES.id, pool.intern("module(\(name):\(stream))"), -1)
        return id
    }

    private func addDependencies(of stream: ModuleStream, to id: Id) {
        for (name, streams) in stream.requires.flatMap({ $0 }).sorted(by: { $0.key < $1.key }) {
            let wanted = streams.filter { !$0.hasPrefix("-") }.map { pool.intern("module(\(name):\($0))") }
            for stream in streams where stream.hasPrefix("-") {
                let other = pool.intern("module(\(name):\(stream.dropFirst()))")
                solvable_add_deparray(pool.solvable(id), SOLVABLE_CONFLICTS.id, other, 0)
            }
            var dependency = wanted.first ?? pool.intern("module(\(name))")
            for other in wanted.dropFirst() { dependency = pool_rel2id(pool.raw, dependency, other, REL_OR, 1) }
            solvable_add_deparray(pool.solvable(id), SOLVABLE_REQUIRES.id, dependency, -1)
        }
    }

    /// Strictly first; then defaults may be left out; then the newest versions needn't be.
    private mutating func solve(_ streams: [ModuleStream], _ wanted: [Int: Bool]) {
        let attempts: [(defaultsMayFail: Bool, best: Bool)] = [(false, true), (true, true), (true, false)]
        for attempt in attempts {
            let jobs = IDQueue()
            for (number, isEnabled) in wanted.sorted(by: { $0.key < $1.key }) {
                let weak = !isEnabled && attempt.defaultsMayFail ? SOLVER_WEAK : 0
                jobs.push(
                    SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES | weak | (attempt.best ? SOLVER_FORCEBEST : 0),
                    pool.intern("module(\(streams[number].label))"))
            }
            let solver = SolverHandle(pool)
            solver.set(SOLVER_FLAG_BEST_OBEY_POLICY, true)
            solver.set(SOLVER_FLAG_ALLOW_VENDORCHANGE, true)
            guard solver.solve(jobs) else {
                if problems.isEmpty { problems = explain(solver) }
                continue
            }
            let chosen = Set(
                solver.orderedTransaction().steps.filter { !pool.isInstalled($0) }.map { pool.solvable($0).pointee.name })
            active = Set(streams.indices.filter { chosen.contains(pool.solvable(solvables[$0]).pointee.name) })
            return
        }
    }

    private func explain(_ solver: SolverHandle) -> [String] {
        (1...max(1, Id(solver_problem_count(solver.raw)))).map { number in
            String(cString: solver_problem2str(solver.raw, number))
        }
    }
}
