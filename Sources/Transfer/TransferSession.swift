public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// A descriptor that somebody waits for while transfers go on.
public struct AwaitedDescriptor: Sendable {
    public var descriptor: FileDescriptor
    /// Whether room to write counts too, beside something to read.
    public var wantsToWrite: Bool

    public init(_ descriptor: FileDescriptor, wantsToWrite: Bool = false) {
        self.descriptor = descriptor
        self.wantsToWrite = wantsToWrite
    }
}

/// Requests under way, moved on a step at a time by a caller who has other things to do meanwhile.
///
/// Of requests with a head all heads come first (one transfer of bulk keeps the line busy), then the rest in the order that
/// `prioritise` asks for. A server that knows no ranges sends the whole file, which has the head in it.
public final class TransferSession {
    public enum Event: Sendable {
        /// The head of this request is in its part, or in its destination.
        case head(Int)
        case settled(Int, Result<TransferResult, ProvisionError>)
    }

    private let downloader: Downloader
    private let requests: [TransferRequest]
    private let queue: TransferQueue
    private let phase: ProgressEvent.Phase
    private let start: UInt64
    private var lastReport = ContinuousClock.now
    private var wasTold = false
    /// What came of starting, for the next step to tell.
    private var early: [Event] = []

    init(
        _ downloader: Downloader, _ requests: [TransferRequest], queue: TransferQueue, phase: ProgressEvent.Phase,
        countingFrom start: UInt64
    ) {
        self.downloader = downloader
        self.requests = requests
        self.queue = queue
        self.phase = phase
        self.start = start
    }

    /// Stops what is under way; parts of files stay, and the next session takes them up.
    public func close() { queue.stop(on: downloader.multi!) }

    public var isDone: Bool { queue.isDone }

    /// Of the requests that are settled, in their order.
    public var results: [Result<TransferResult, ProvisionError>] { queue.results }

    /// Fetches what waits in this order from now on: indices of all requests, the most urgent first.
    public func prioritise(_ order: [Int]) { queue.prioritise(order) }

    /// Sends the first requests, and returns at once: what else there is to do before the first `step` is done while answers come.
    ///
    /// - Throws: as `step`.
    public func begin() throws {
        early += try startWaiting()
        try downloader.multi!.perform()
    }

    private func startWaiting() throws -> [Event] {
        var events: [Event] = []
        while let step = try queue.startNext(
            on: downloader.multi!, agent: downloader.agent, isTroubled: downloader.troubledOrigins.contains)
        {
            if case .answered(let index, let result) = step { events.append(.settled(index, result)) }
        }
        return events
    }

    /// Moves every transfer on, after waiting (at most 200 milliseconds) until there is something to do here or with `others`.
    ///
    /// - Throws: `.interrupted`, and trouble with our own files (a full disk).
    public func step(waitingFor others: [AwaitedDescriptor] = []) throws -> [Event] {
        try Interruption.check()
        var events = try early + startWaiting()
        early = []
        try queue.resume()
        try downloader.multi!.perform()
        events += queue.takeHeads().map { .head($0) }
        var hasFreePlace = false
        while let ended = downloader.multi!.nextEnded() {
            hasFreePlace = true
            guard let (origin, reached, settled) = try queue.conclude(ended.handle, ended.code, on: downloader.multi!) else {
                continue
            }
            if reached { downloader.troubledOrigins.remove(origin) } else { downloader.troubledOrigins.insert(origin) }
            if let (index, result) = settled { events.append(.settled(index, result)) }
        }
        if .now - lastReport > .milliseconds(100) || queue.isDone {
            lastReport = .now
            downloader.progress.report(.advanced(phase, completed: start + queue.completed, item: queue.label))
        }
        if queue.isDone {
            tellOfMirrors()
        } else if events.isEmpty, !hasFreePlace {
            try downloader.multi!.wait(milliseconds: queue.millisecondsToWait, others: others)
        }
        return events
    }

    private func tellOfMirrors() {
        if wasTold { return }
        wasTold = true
        downloader.report.tell(zip(requests, queue.results), to: downloader.progress)
    }
}
