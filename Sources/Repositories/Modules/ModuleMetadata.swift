public import Diagnostics
public import SystemPackage

/// One build of one stream of a module: a document `modulemd` of version 2.
///
/// Source: libmodulemd's specification, yaml_specs/modulemd_stream_v2.yaml.
public struct ModuleStream: Sendable, Hashable {
    public struct Profile: Sendable, Hashable {
        public var name: String
        public var packages: [String]

        public init(name: String, packages: [String]) {
            self.name = name
            self.packages = packages
        }
    }

    public var name: String
    public var stream: String
    public var version: UInt64
    public var context: String
    /// Whether `context` means something, rather than being a hash of a build.
    public var hasStaticContext: Bool
    public var arch: String
    /// One line for people.
    public var summary: String
    /// Alternatives are not meant: each has to hold. Of a module's streams one will do, `-1.0` must not be, none is any.
    public var requires: [[String: [String]]]
    public var profiles: [Profile]
    /// NEVRAs of its packages, the epoch always written.
    public var artifacts: [String]
    /// Names of packages that it had once and that are no longer its own.
    public var demodularized: [String]

    /// `NAME:STREAM`.
    public var label: String { "\(name):\(stream)" }
}

/// Which stream of a module, and which profiles of a stream, are meant where nothing is said: `modulemd-defaults` version 1.
public struct ModuleDefaults: Sendable, Hashable {
    public var module: String
    public var stream: String?
    /// By stream.
    public var profiles: [String: [String]]

    public init(module: String, stream: String?, profiles: [String: [String]]) {
        self.module = module
        self.stream = stream
        self.profiles = profiles
    }
}

/// What a repository's modules.yaml says, as far as it decides what is installed.
///
/// Translations, obsoletes (which dnf applies only when told to) and documents of kinds from the future are passed over.
public struct ModuleMetadata: Sendable, Hashable {
    public var streams: [ModuleStream] = []
    public var defaults: [ModuleDefaults] = []

    /// Bytes of modules.yaml at most, unpacked; EL8's has 10 MB.
    static let limit = 256 << 20

    public init() {}

    /// - Parameter cache: the cache's directory for parsed metadata (CACHE/solv).
    /// - Throws: `.failed`, naming the repository, where it can't be read; `.verification` where it isn't what was fetched.
    public init(
        of snapshot: RepositorySnapshot, cache: FilePath, progress: any ProgressSink = SilentProgress()
    ) throws(ProvisionError) {
        self.init()
        guard let file = snapshot.modules else { return }
        self = try ModuleCache(in: cache).metadata(of: snapshot, progress: progress) { () throws(ProvisionError) in
            try file.verify(as: "modules file of repository \"\(snapshot.id)\"")
            let source = "the modules file of repository \"\(snapshot.id)\""
            return try ModuleMetadata(
                parsing: try Decompression.read(file.path, limit: file.limit(ModuleMetadata.limit), source: source),
                source: source)
        }
    }

    /// - Parameter source: what messages call the document.
    public init(parsing text: [UInt8], source: String) throws(ProvisionError) {
        var streams: [ModuleStream] = []
        var defaults: [ModuleDefaults] = []
        try YAMLReader.read(text, source: source) { document throws(ProvisionError) in
            guard let data = document["data"] else { return }
            switch (document["document"]?.text, document["version"]?.text) {
            case ("modulemd", "2"): streams.append(try ModuleMetadata.stream(data, source))
            case ("modulemd-defaults", "1"):
                guard let module = data["module"]?.text else { throw ModuleMetadata.incomplete("defaults", "module", source) }
                let profiles = data["profiles"]?.pairs.map { ($0.key, $0.value.words) } ?? []
                defaults.append(
                    ModuleDefaults(
                        module: module, stream: data["stream"]?.text, profiles: Dictionary(profiles) { first, _ in first }))
            default: break
            }
        }
        self.streams = streams
        self.defaults = defaults
    }

    private static func stream(_ data: YAMLValue, _ source: String) throws(ProvisionError) -> ModuleStream {
        func needed(_ key: String) throws(ProvisionError) -> String {
            guard let text = data[key]?.text else { throw incomplete("a stream", key, source) }
            return text
        }
        guard let version = UInt64(try needed("version")) else { throw incomplete("a stream", "version", source) }
        let dependencies = data["dependencies"]?.elements ?? []
        return ModuleStream(
            name: try needed("name"), stream: try needed("stream"), version: version, context: data["context"]?.text ?? "",
            hasStaticContext: data["static_context"]?.text == "true", arch: data["arch"]?.text ?? "noarch",
            summary: data["summary"]?.text ?? "",
            requires: dependencies.map { dependency in
                let pairs = dependency["requires"]?.pairs.map { ($0.key, $0.value.words) } ?? []
                return Dictionary(pairs) { first, _ in first }
            },
            profiles: data["profiles"]?.pairs.map { .init(name: $0.key, packages: $0.value["rpms"]?.words ?? []) } ?? [],
            artifacts: data["artifacts"]?["rpms"]?.words ?? [], demodularized: data["demodularized"]?["rpms"]?.words ?? [])
    }

    private static func incomplete(_ what: String, _ key: String, _ source: String) -> ProvisionError {
        ProvisionError(.failed, "\(source): \(what) without a usable \"\(key)\"")
    }
}
