internal import CCurl
public import Diagnostics
internal import System

/// Fetches files over http, https and file URLs, several at a time, on the thread that calls it.
///
/// Connections are kept from one call to the next. A host that couldn't be connected to is asked last from then on.
public final class Downloader {
    private let parallel: Int
    private let perHost: Int
    private let agent: String
    private let progress: any ProgressSink
    /// Made at the first transfer: starting libcurl and its TLS library takes longer than a build from the cache should.
    private var multi: MultiHandle?
    private var troubledOrigins: Set<String> = []
    private var report = MirrorReport()

    /// - Parameters:
    ///   - parallel: transfers at once, in all.
    ///   - perHost: transfers at once with one server.
    ///   - agent: what servers are told who asks, `provision/VERSION`.
    public init(
        parallel: Int = 8, perHost: Int = 4, agent: String = "provision", progress: any ProgressSink = SilentProgress()
    ) {
        self.parallel = max(1, parallel)
        self.perHost = max(1, perHost)
        self.agent = agent
        self.progress = progress
    }

    /// Fetches all of `requests`, starting them in their order; `each` is told of every file as it arrives, by its index.
    ///
    /// - Parameters:
    ///   - phase: what the progress (bytes done over all requests) is reported under; the caller begins and ends it.
    ///   - start: bytes of the phase that were done before.
    /// - Throws: the first request's failure, after cancelling the rest: `.unreachable` when every mirror failed,
    ///   `.verification` when wrong bytes were all that mirrors delivered; `.interrupted`; what `each` throws. Parts of files
    ///   stay, and the next call takes them up.
    @discardableResult
    public func fetch(
        _ requests: [TransferRequest], phase: ProgressEvent.Phase = .download, countingFrom start: UInt64 = 0,
        each: (Int, TransferResult) throws -> Void = { _, _ in }
    ) throws -> [TransferResult] {
        try attempt(requests, phase: phase, countingFrom: start) { index, result in try each(index, result.get()) }.map {
            try $0.get()
        }
    }

    /// As `fetch`, but a request that fails doesn't keep the others from arriving: its error stands in its place.
    ///
    /// - Throws: `.interrupted`, trouble with our own files (a full disk), and what `each` throws.
    public func attempt(
        _ requests: [TransferRequest], phase: ProgressEvent.Phase = .download, countingFrom start: UInt64 = 0,
        each: (Int, Result<TransferResult, ProvisionError>) throws -> Void = { _, _ in }
    ) throws -> [Result<TransferResult, ProvisionError>] {
        if multi == nil { multi = try MultiHandle(connectionsPerHost: perHost) }
        let queue = TransferQueue(requests, parallel: parallel, perHost: perHost)
        defer { queue.running.values.forEach { $0.job.stop(on: multi!) } }
        var lastReport = ContinuousClock.now
        while !queue.isDone {
            try Interruption.check()
            while let step = try queue.startNext(on: multi!, agent: agent, isTroubled: troubledOrigins.contains) {
                if case .answered(let index, let result) = step { try each(index, result) }
            }
            try multi!.perform()
            var hasFreePlace = false
            while let ended = multi!.nextEnded() {
                hasFreePlace = true
                guard let (origin, reached, settled) = try queue.conclude(ended.handle, ended.code, on: multi!) else {
                    continue
                }
                if reached { troubledOrigins.remove(origin) } else { troubledOrigins.insert(origin) }
                if let (index, result) = settled { try each(index, result) }
            }
            if .now - lastReport > .milliseconds(100) || queue.isDone {
                lastReport = .now
                progress.report(.advanced(phase, completed: start + queue.completed, item: queue.latestLabel))
            }
            if !queue.isDone, !hasFreePlace { try multi!.wait(milliseconds: queue.millisecondsToWait) }
        }
        report.tell(zip(requests, queue.results), to: progress)
        return queue.results
    }
}
