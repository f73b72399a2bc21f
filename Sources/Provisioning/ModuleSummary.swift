internal import Repositories
internal import Solving

/// One stream of a module as `provision modules` lists it, by its newest version in one repository.
public struct ModuleSummary: Encodable, Sendable, Equatable {
    public struct Profile: Encodable, Sendable, Equatable {
        public var name: String
        /// Whether `@MODULE:STREAM` installs it.
        public var isDefault: Bool
        public var packages: [String]
    }

    public var name: String
    public var stream: String
    public var repository: String
    /// Whether the repositories make it the module's default stream.
    public var isDefault: Bool
    /// Whether a build that asks for no module sees its packages.
    public var isActive: Bool
    public var arch: String
    public var version: UInt64
    public var context: String
    public var summary: String
    public var profiles: [Profile]

    /// Sorted by name and stream.
    static func all(of request: ModuleRequest, active: Set<String>) -> [ModuleSummary] {
        struct Key: Hashable { var repository, label, arch: String }
        let defaults = request.defaults
        var newest: [Key: ModuleSummary] = [:]
        for source in request.sources {
            for stream in source.metadata.streams {
                let key = Key(repository: source.repository, label: stream.label, arch: stream.arch)
                if let other = newest[key], other.version >= stream.version { continue }
                let usual = defaults[stream.name]?.profiles[stream.stream] ?? []
                newest[key] = ModuleSummary(
                    name: stream.name, stream: stream.stream, repository: source.repository,
                    isDefault: defaults[stream.name]?.stream == stream.stream, isActive: active.contains(stream.label),
                    arch: stream.arch, version: stream.version, context: stream.context, summary: stream.summary,
                    profiles: stream.profiles.map {
                        Profile(name: $0.name, isDefault: usual.contains($0.name), packages: $0.packages)
                    }.sorted { $0.name < $1.name })
            }
        }
        return newest.values.sorted {
            ($0.name, $0.stream, $0.repository, $0.arch) < ($1.name, $1.stream, $1.repository, $1.arch)
        }
    }
}
