internal import Diagnostics
internal import System

/// Makes the indexes that a cache lacks on another processor while the solver works.
final class Indexing {
    /// What couldn't be stored, in words.
    private let failures: Alongside<[String], Never>

    init(_ repositories: [MetadataLoader.Parsed], in cache: SolvCache) {
        failures = Alongside {
            repositories.compactMap { parsed in
                do throws(ProvisionError) {
                    if try cache.closureIndex(of: parsed.source) == nil { try cache.makeClosureIndex(of: parsed) }
                    return nil
                } catch {
                    return "the metadata of \"\(parsed.source.id)\" is not indexed: \(error)"
                }
            }
        }
    }

    /// Waits for the end. An index that can't be stored costs time, nothing else: it is told.
    func finish(_ progress: any ProgressSink) {
        for text in failures.value() { progress.detail(text) }
    }
}
