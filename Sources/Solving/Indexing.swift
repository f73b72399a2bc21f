internal import Diagnostics
internal import Synchronization
internal import System

/// Makes the indexes that a cache lacks on another processor while the solver works.
final class Indexing {
    private var thread: JoinedThread?
    private let failures: Failures

    private final class Failures: Sendable {
        let texts = Mutex<[String]>([])
    }

    init(_ repositories: [MetadataLoader.Parsed], in cache: SolvCache) {
        let failures = Failures()
        self.failures = failures
        thread = JoinedThread {
            for parsed in repositories {
                do throws(ProvisionError) {
                    if try cache.closureIndex(of: parsed.source) == nil { try cache.makeClosureIndex(of: parsed) }
                } catch {
                    failures.texts.withLock { $0.append("the metadata of \"\(parsed.source.id)\" is not indexed: \(error)") }
                }
            }
        }
    }

    deinit { thread?.join() }

    /// Waits for the end. An index that can't be stored costs time, nothing else: it is told.
    func finish(_ progress: any ProgressSink) {
        thread?.join()
        thread = nil
        for text in failures.texts.withLock({ $0 }) { progress.detail(text) }
    }
}
