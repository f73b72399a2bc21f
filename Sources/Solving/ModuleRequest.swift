public import Model
public import Repositories

/// What the enabled repositories say of modules, and which of them were asked for.
public struct ModuleRequest: Sendable {
    public struct Source: Sendable {
        public var repository: String
        public var metadata: ModuleMetadata

        public init(repository: String, metadata: ModuleMetadata) {
            self.repository = repository
            self.metadata = metadata
        }
    }

    /// The defaults of all repositories; of a module that has two different default streams none is one.
    public var defaults: [String: ModuleDefaults] { ModuleFilter.united(sources.flatMap(\.metadata.defaults)) }

    /// In the order of the configuration.
    public var sources: [Source]
    /// Repositories whose packages no module hides.
    public var hotfixRepositories: Set<String>
    /// `@NAME:STREAM/PROFILE` without the `@`: streams to enable, whose profiles are installed.
    public var specs: [ModuleSpec]
    /// What is enabled in the root already, by its own word.
    public var enabled: [Selection.Module]
    /// `NAME:STREAM` of the module that the system itself is; nil takes it from the package that provides `system-release`.
    public var platform: String?

    public init(
        sources: [Source], hotfixRepositories: Set<String> = [], specs: [ModuleSpec] = [],
        enabled: [Selection.Module] = [], platform: String? = nil
    ) {
        self.sources = sources
        self.hotfixRepositories = hotfixRepositories
        self.specs = specs
        self.enabled = enabled
        self.platform = platform
    }
}
