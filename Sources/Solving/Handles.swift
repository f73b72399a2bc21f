internal import CSolv

/// A libsolv queue of ids, freed with the value.
final class IDQueue {
    var raw = Queue()

    init() { queue_init(&raw) }

    convenience init(_ ids: some Sequence<Id>) {
        self.init()
        for id in ids { push(id) }
    }

    deinit { queue_free(&raw) }

    func push(_ id: Id) { queue_push(&raw, id) }
    func push(_ first: Id, _ second: Id) { queue_push2(&raw, first, second) }

    var ids: [Id] { Array(UnsafeBufferPointer(start: raw.elements, count: Int(raw.count))) }
}

/// A set of solvables as libsolv's bitmap. It has a stable address, because a pool may refer to it.
final class SolvableMap {
    let raw: UnsafeMutablePointer<Map>

    init(capacity: Int32) {
        raw = .allocate(capacity: 1)
        map_init(raw, capacity)
    }

    deinit {
        map_free(raw)
        raw.deallocate()
    }

    func insert(_ id: Id) { map_set(raw, id) }
    func remove(_ id: Id) { map_clr(raw, id) }
    func contains(_ id: Id) -> Bool { map_tst(raw, id) != 0 }
    func insertAll() { map_setall(raw) }
}

/// A solver over a pool, with the transaction that comes out of it. The pool must outlive it.
final class SolverHandle {
    let raw: UnsafeMutablePointer<Solver>
    private let pool: SolvPool

    init(_ pool: SolvPool) {
        self.pool = pool
        raw = solver_create(pool.raw)
    }

    deinit { solver_free(raw) }

    func set(_ flag: Int32, _ value: Bool) { solver_set_flag(raw, flag, value ? 1 : 0) }

    /// True where the jobs can be satisfied.
    func solve(_ jobs: IDQueue) -> Bool { solver_solve(raw, &jobs.raw) == 0 }

    /// The steps of the answer in an order that satisfies dependencies before dependents.
    func orderedTransaction() -> TransactionHandle {
        let transaction = TransactionHandle(solver_create_transaction(raw), pool: pool)
        transaction_order(transaction.raw, 0)
        return transaction
    }
}

/// A transaction of the solver's, freed with the value.
final class TransactionHandle {
    let raw: UnsafeMutablePointer<Transaction>
    private let pool: SolvPool

    init(_ raw: UnsafeMutablePointer<Transaction>, pool: SolvPool) {
        self.raw = raw
        self.pool = pool
    }

    deinit { transaction_free(raw) }

    /// Every solvable that it installs or takes away.
    var steps: [Id] { Array(UnsafeBufferPointer(start: raw.pointee.steps.elements, count: Int(raw.pointee.steps.count))) }

    /// What replaces the installed `package` (by update or obsoletes); nil where nothing does.
    func replacement(of package: Id) -> Id? {
        let other = transaction_obs_pkg(raw, package)
        return other == 0 ? nil : other
    }
}
