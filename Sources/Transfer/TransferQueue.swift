internal import CCurl
internal import Diagnostics
internal import Model

/// The jobs of one call: which wait, which run, and what came of the others.
final class TransferQueue {
    /// What starting a job came to.
    enum Step {
        case started
        case answered(Int, Result<TransferResult, ProvisionError>)
    }

    private var waiting: [TransferJob]
    /// Where each request stands in the order that was asked for; nil before that.
    private var places: [Int]?
    private(set) var running: [UnsafeMutableRawPointer: (job: TransferJob, origin: String)] = [:]
    private var settled: [Result<TransferResult, ProvisionError>?]
    private var settledBytes: UInt64 = 0
    private var latestLabel: String?
    private let parallel: Int
    private let perHost: Int
    private let pace: Pace

    init(_ requests: [TransferRequest], parallel: Int, perHost: Int) {
        let pace = Pace()
        self.pace = pace
        waiting = requests.enumerated().map { TransferJob(index: $0.offset, request: $0.element, pace: pace) }
        settled = Array(repeating: nil, count: requests.count)
        self.parallel = parallel
        self.perHost = perHost
    }

    var isDone: Bool { waiting.isEmpty && running.isEmpty }

    func stop(on multi: borrowing MultiHandle) {
        running.values.forEach { $0.job.stop(on: multi) }
        running = [:]
        waiting = []
    }

    var results: [Result<TransferResult, ProvisionError>] { settled.compactMap { $0 } }

    /// Starts waiting requests in this order from now on: all indices, the most urgent first.
    func prioritise(_ order: [Int]) {
        var places = [Int](repeating: 0, count: settled.count)
        for (place, index) in order.enumerated() { places[index] = place }
        self.places = places
        waiting.sort { rank($0) < rank($1) }
    }

    /// Heads and files that are as good as heads come first, then the bulk.
    private func rank(_ job: TransferJob) -> (Int, Int) {
        (!job.hasHead ? 0 : 1, places?[job.index] ?? job.index)
    }

    /// The indices of running requests whose heads have come since the last call.
    func takeHeads() -> [Int] {
        running.values.filter { $0.job.takeHead() }.map(\.job.index).sorted()
    }

    /// What is at work now: the request that was begun or settled last, or one that another run fetches where nothing else is left.
    var label: String? {
        guard running.isEmpty, let job = waiting.first(where: \.isElsewhere) else { return latestLabel }
        return job.label
    }

    /// Bytes of all files that are there.
    var completed: UInt64 {
        running.values.reduce(settledBytes) { $0 + $1.job.completed } + waiting.reduce(0) { $0 + $1.completed }
    }

    /// Starts, or answers, the first waiting job that may go; nil when none may now.
    func startNext(
        on multi: borrowing MultiHandle, agent: String, isTroubled: (String) -> Bool
    ) throws(ProvisionError) -> Step? {
        guard running.count < parallel else { return nil }
        let now = ContinuousClock.now
        // Heads are small, and each costs a round trip: one transfer of bulk beside them keeps the line busy.
        let bulkIsIdle = !running.isEmpty && !running.values.contains { $0.job.hasHead }
        let bulk = bulkIsIdle ? waiting.firstIndex { $0.hasHead && $0.notBefore <= now } : nil
        // Before any head has come there is none: the first file goes on from its own.
        if running.isEmpty, 1 < parallel, parallel < waiting.count { waiting.first?.goOnToTheEnd() }
        for place in (bulk.map { [$0] } ?? []) + Array(waiting.indices) {
            let job = waiting[place]
            guard job.notBefore <= now else { continue }
            let origin = job.nextOrigin(isTroubled: isTroubled)
            if pace.isAhead(of: job.request.transport.throttle) { continue }
            if let origin, isSaturated(origin) { continue }
            if let answer = try job.answerAtOnce() {
                if case .waiting(let until) = answer {
                    job.notBefore = until
                    continue
                }
                waiting.remove(at: place)
                guard let (index, result) = settle(job, answer) else { continue }
                return .answered(index, result)
            }
            waiting.remove(at: place)
            latestLabel = job.request.label
            let handle = try job.start(on: multi, agent: agent, isTroubled: isTroubled)
            running[handle] = (job, origin ?? "")
            return .started
        }
        return nil
    }

    /// Files are read, not asked for: no limit applies to them.
    private func isSaturated(_ origin: String) -> Bool {
        !origin.hasPrefix("file:") && running.values.count { $0.origin == origin } >= perHost
    }

    /// Lets those go on that waited for their rate.
    func resume() throws(ProvisionError) {
        for (job, _) in running.values where job.isPaused { try job.resume() }
    }

    /// A transfer has ended: whether its origin answered, and its result where it is settled now.
    func conclude(
        _ handle: UnsafeMutableRawPointer, _ code: CURLcode, on multi: borrowing MultiHandle
    ) throws(ProvisionError) -> (
        origin: String, reached: Bool, settled: (Int, Result<TransferResult, ProvisionError>)?
    )? {
        guard let (job, origin) = running.removeValue(forKey: handle) else { return nil }
        let (outcome, reached) = try job.conclude(code, on: multi)
        return (origin, reached, settle(job, outcome))
    }

    private func settle(
        _ job: TransferJob, _ outcome: TransferJob.Outcome
    ) -> (Int, Result<TransferResult, ProvisionError>)? {
        let result: Result<TransferResult, ProvisionError>
        switch outcome {
        case .waiting(let until):
            job.notBefore = until
            waiting.insert(job, at: waiting.firstIndex { rank($0) > rank(job) } ?? waiting.endIndex)
            return nil
        case .arrived(let arrived):
            settledBytes += arrived.size
            latestLabel = job.request.label
            result = .success(arrived)
        case .failed(let error): result = .failure(error)
        }
        settled[job.index] = result
        return (job.index, result)
    }

    /// Until the next waiting job's time, at most 200: a signal must not wait longer to be seen.
    var millisecondsToWait: Int32 {
        let now = ContinuousClock.now
        if running.values.contains(where: \.job.isPaused)
            || waiting.contains(where: { pace.isAhead(of: $0.request.transport.throttle) })
        {
            return 20
        }
        let next = running.count < parallel ? waiting.map(\.notBefore).filter { $0 > now }.min() : nil
        guard let next else { return 200 }
        return Int32(max(1, min(200, (next - now) / .milliseconds(1))))
    }
}
