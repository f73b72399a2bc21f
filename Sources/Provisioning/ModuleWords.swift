internal import Configuration
internal import Diagnostics
internal import Model
internal import Repositories
internal import Solving
internal import SystemPackage

/// Sorts the words after `@` into modules and groups: a module of that name comes first, as in dnf.
struct ModuleWords {
    /// nil where no repository has modules.
    let request: ModuleRequest?
    let groups: [String]

    /// - Parameters:
    ///   - enabled: the parent's streams.
    ///   - cache: provision's cache directory.
    init(
        _ words: [String], snapshots: [RepositorySnapshot], enabled: () throws -> [Selection.Module] = { [] },
        platform: String?,
        cache: FilePath, progress: any ProgressSink
    ) throws {
        let modular = snapshots.filter { $0.modules != nil }
        guard !modular.isEmpty else {
            (request, groups) = (nil, words)
            return
        }
        let sources = try modular.map {
            ModuleRequest.Source(
                repository: $0.id, metadata: try ModuleMetadata(of: $0, cache: cache.appending("solv"), progress: progress))
        }
        let names = Set(sources.flatMap { $0.metadata.streams.map(\.name) })
        let specs = words.map { word in ModuleSpec(word).flatMap { names.contains($0.name) ? $0 : nil } }
        request = ModuleRequest(
            sources: sources,
            hotfixRepositories: Set(snapshots.filter(\.configuration.moduleHotfixes).map(\.id)),
            specs: specs.compactMap { $0 }, enabled: try enabled(), platform: platform)
        groups = zip(words, specs).filter { $1 == nil }.map(\.0)
    }
}
