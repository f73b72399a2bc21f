internal import CCurl
public import Diagnostics
internal import System

/// Fetches files over http, https and file URLs, several at a time, on the thread that calls it.
///
/// Connections are kept from one call to the next. A host that couldn't be connected to is asked last from then on.
public final class Downloader {
    private let parallel: Int
    private let perHost: Int
    let agent: String
    let progress: any ProgressSink
    /// Made at the first transfer: starting libcurl and its TLS library takes longer than a build from the cache should.
    var multi: MultiHandle?
    var troubledOrigins: Set<String> = []
    var report = MirrorReport()

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
        let session = try session(requests, phase: phase, countingFrom: start)
        defer { session.close() }
        while !session.isDone {
            for case .settled(let index, let result) in try session.step() { try each(index, result) }
        }
        return session.results
    }

    /// Begins to fetch `requests`; every `step` of the session moves them on.
    ///
    /// - Parameters: as of `fetch`.
    public func session(
        _ requests: [TransferRequest], phase: ProgressEvent.Phase = .download, countingFrom start: UInt64 = 0
    ) throws -> TransferSession {
        if multi == nil { multi = try MultiHandle(connectionsPerHost: perHost) }
        return TransferSession(
            self, requests, queue: TransferQueue(requests, parallel: parallel, perHost: perHost), phase: phase,
            countingFrom: start)
    }
}
