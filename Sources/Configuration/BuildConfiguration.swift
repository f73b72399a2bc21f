public import Diagnostics
public import Model

/// All that a build is told of its system and repositories: a release, a yum.conf, or the one over the other.
public struct BuildConfiguration: Codable, Sendable, Equatable {
    /// The release id of what was made with a yum.conf alone.
    public static let customID = "custom"

    public private(set) var releaseID: String
    /// For people.
    public private(set) var title: String
    /// Where the rpm database lies and its backend.
    public private(set) var database: LayerManifest.Database
    /// The tool whose files in the root tell what was asked for and why packages are there.
    public private(set) var manager: PackageManager
    /// What a base layer holds when nothing is asked for.
    public private(set) var baseSpecs: [String]
    /// Names of the patches that are on by default; nil leaves it to each patch.
    public private(set) var defaultPatches: [String]?
    /// `YYYY-MM-DD`, where the release says so.
    public private(set) var endOfLife: String?
    public var main: MainConfiguration
    /// All of them, enabled or not, as written.
    public var repositories: [RepositoryConfiguration]

    /// yum's names of the architectures that the release has; empty where any goes.
    private(set) var architectures: [String]
    private var releaseVersion: String?
    private var releaseVariables: [String: String]
    private var fileNotes: [String]

    /// As the release's definition says.
    public init(release: Release) {
        self.init(
            release: release, main: MainConfiguration(), repositories: release.repositories, notes: [], title: release.name)
    }

    /// Repositories and [main] from a yum.conf; with a release its rpm database, variables, patches and base set, without one a
    /// neutral system: /var/lib/rpm in sqlite, dnf's history, the host's architecture, keys only from gpgkey lines.
    public init(file: YumConfigurationFile, release: Release?) {
        self.init(
            release: release, main: file.main, repositories: file.repositories, notes: file.notes,
            title: release?.name ?? file.path)
        if let release, let written = file.releaseID, written != release.id {
            fileNotes.append("\(file.path): written for the release \"\(written)\", used with \"\(release.id)\"")
        }
    }

    private init(
        release: Release?, main: MainConfiguration, repositories: [RepositoryConfiguration], notes: [String], title: String
    ) {
        releaseID = release?.id ?? Self.customID
        self.title = title
        database = release?.database ?? LayerManifest.Database(path: "/var/lib/rpm", backend: "sqlite")
        manager = release?.manager ?? .dnf
        baseSpecs = release?.base ?? ["basesystem"]
        defaultPatches = release?.patches
        endOfLife = release?.endOfLife
        self.main = main
        self.repositories = repositories
        architectures = release?.architectures ?? []
        releaseVersion = release?.releasever
        releaseVariables = release?.variables ?? [:]
        fileNotes = notes
    }

    /// What $releasever stands for; nil where neither a release nor the file nor an option says it.
    public var releasever: String? { main.releasever ?? releaseVersion }

    /// What the build is for: what [main] or `--arch` says, else the host's where the release has it, else the release's first.
    public var architecture: Architecture {
        if let name = main.basearch, let known = Architecture.named(name) { return known }
        if architectures.isEmpty || architectures.contains(Architecture.host.basearch) { return .host }
        return Architecture.named(architectures[0]) ?? .host
    }

    public var variables: Variables {
        Variables(releasever: releasever, architecture: architecture, others: releaseVariables)
    }

    mutating func note(_ text: String) { fileNotes.append(text) }

    /// What was accepted but has no effect, for -v, and which variables of enabled repositories nobody knows.
    public var notes: [String] {
        let variables = variables
        return fileNotes
            + repositories.filter(\.enabled).flatMap { repository in
                let texts =
                    repository.baseURLs + [repository.metalink, repository.mirrorlist].compactMap { $0 }
                    + repository.keys.map(\.url)
                var names: [String] = []
                for name in texts.flatMap({ variables.unknownNames(in: $0) }) where !names.contains(name) { names.append(name) }
                return names.map {
                    "the variable \"$\($0)\" of repository \"\(repository.id)\" is not known and stays as it is"
                }
            }
    }

    /// A repository with the variables in its name, URLs and keys replaced.
    public func expanded(_ repository: RepositoryConfiguration) -> RepositoryConfiguration {
        let variables = variables
        var result = repository
        result.name = variables.expand(repository.name)
        result.baseURLs = repository.baseURLs.map(variables.expand)
        result.metalink = repository.metalink.map(variables.expand)
        result.mirrorlist = repository.mirrorlist.map(variables.expand)
        // yum and dnf take a mirror list whose URL speaks of a metalink for one, and repository files rely on it.
        if result.metalink == nil, let list = result.mirrorlist, list.contains("metalink") {
            result.metalink = list
            result.mirrorlist = nil
        }
        for index in result.keys.indices { result.keys[index].url = variables.expand(result.keys[index].url) }
        return result
    }

    /// The repositories that take part, variables expanded, [main]'s excludes and includes added to each one's own.
    ///
    /// - Throws: `.configuration` where none is enabled, or one must be checked and has no key to do it with.
    public func effectiveRepositories() throws(ProvisionError) -> [RepositoryConfiguration] {
        let enabled = repositories.filter(\.enabled)
        guard !enabled.isEmpty else {
            throw ProvisionError(
                .configuration, "no repository of \"\(title)\" is enabled",
                hint: repositories.isEmpty
                    ? "add one with --repo ID=URL"
                    : "enable one: --enable-repo \(repositories.map(\.id).joined(separator: ", "))")
        }
        var result: [RepositoryConfiguration] = []
        for repository in enabled {
            guard !(repository.gpgcheck || repository.repoGPGCheck) || !repository.keys.isEmpty else {
                throw ProvisionError(
                    .configuration, "repository \"\(repository.id)\" has gpgcheck on, but no key to check with",
                    hint: "give its key's URL as gpgkey, or, knowing what that means, use --no-gpgcheck")
            }
            var effective = expanded(repository)
            if counts(repository.id) {
                effective.excludePackages = filters.excludes + repository.excludePackages
                effective.includePackages = filters.includes + repository.includePackages
            } else {
                (effective.excludePackages, effective.includePackages) = filters
            }
            result.append(effective)
        }
        return result
    }

    private func counts(_ place: String) -> Bool { main.disabledExcludes.allSatisfy { $0 != "all" && $0 != place } }

    /// What [main] excludes and includes, where that counts.
    public var filters: (excludes: [String], includes: [String]) {
        counts("main") ? (main.excludePackages, main.includePackages) : ([], [])
    }

    /// What a person must be told each time: enabled repositories whose packages, metadata or servers aren't checked.
    public var warnings: [(text: String, hint: String?)] {
        repositories.filter(\.enabled).flatMap { repository in
            var result: [(String, String?)] = []
            if !repository.gpgcheck {
                result.append(
                    (
                        "packages of \"\(repository.id)\" are not checked for signatures: gpgcheck is off",
                        "anyone between the repository and this host can put code into the root"
                    ))
            }
            if !repository.transport.verifyTLS {
                result.append(("the server of \"\(repository.id)\" is not checked: sslverify is off", nil))
            }
            for key in repository.keys
            where repository.gpgcheck && key.fingerprint == nil && key.url.lowercased().hasPrefix("http://") {
                result.append(
                    (
                        "the key of \"\(repository.id)\" comes over plain HTTP and has no pinned fingerprint",
                        "add \"\(Directive.prefix) fingerprint HEX \(key.url)\" below its gpgkey"
                    ))
            }
            return result
        }
    }
}
