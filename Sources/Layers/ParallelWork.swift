internal import Diagnostics
internal import Dispatch
internal import Synchronization
internal import System

/// Calls `body` for 0 ..< `count` on all cores and returns the results in order.
///
/// The first error ends it and is thrown; so does a signal, as `.interrupted`. Threads live for the length of the call only as
/// far as anybody can tell: they start no children and enter no namespaces.
func concurrently<Result: Sendable>(
    _ count: Int, _ body: @Sendable (Int) throws(ProvisionError) -> Result
) throws(ProvisionError) -> [Result] {
    let next = Atomic<Int>(0)
    let shared = Mutex<(results: [Result?], failure: ProvisionError?)>((Array(repeating: nil, count: count), nil))
    let workers = max(1, min(count, processorCount()))
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
        var done: [(Int, Result)] = []
        do throws(ProvisionError) {
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if index >= count { break }
                try Interruption.check()
                done.append((index, try body(index)))
            }
        } catch {
            next.store(count, ordering: .relaxed)
            shared.withLock { $0.failure = $0.failure ?? error }
        }
        shared.withLock { state in for (index, result) in done { state.results[index] = result } }
    }
    return try shared.withLock { (state) throws(ProvisionError) in
        if let failure = state.failure { throw failure }
        return state.results.compactMap { $0 }
    }
}
