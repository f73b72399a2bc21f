public import Diagnostics
internal import Model

/// What the command line changes in a configuration, in the order in which it is applied.
public struct Overrides: Sendable, Equatable {
    public var releasever: String?
    /// yum's or rpm's name of an architecture.
    public var architecture: String?
    /// `--repo ID=URL`; the URL may be an absolute path.
    public var addedRepositories: [String] = []
    /// Ids or globs. What is disabled is so before others are enabled: `--disable-repo '*' --enable-repo x` leaves x.
    public var disabledRepositories: [String] = []
    public var enabledRepositories: [String] = []
    /// `--setopt KEY=VALUE` and `--setopt REPO.KEY=VALUE`; REPO may be a glob.
    public var settings: [String] = []
    /// `--gpgcheck` or `--no-gpgcheck`, for every repository; metadata signatures follow.
    public var gpgcheck: Bool?
    public var excludePackages: [String] = []

    public init() {}
}

extension BuildConfiguration {
    /// - Throws: `.usage` with the nearest id, key or value.
    public mutating func apply(_ overrides: Overrides) throws(ProvisionError) {
        if let version = overrides.releasever {
            guard !version.isEmpty, !version.contains(where: { $0.isWhitespace || $0 == "/" }) else {
                throw ProvisionError(.usage, "--releasever \"\(version)\" is not a version")
            }
            main.releasever = version
        }
        if let name = overrides.architecture { try setArchitecture(name) }
        for text in overrides.addedRepositories { try addRepository(text) }
        for pattern in overrides.disabledRepositories {
            for index in try indices(matching: pattern, option: "--disable-repo") { set(enabled: false, at: index) }
        }
        for pattern in overrides.enabledRepositories {
            for index in try indices(matching: pattern, option: "--enable-repo") { set(enabled: true, at: index) }
        }
        for text in overrides.settings { try assign(text) }
        if let gpgcheck = overrides.gpgcheck { set(gpgcheck: gpgcheck) }
        main.excludePackages += overrides.excludePackages
    }

    private mutating func setArchitecture(_ name: String) throws(ProvisionError) {
        let choices = architectures.isEmpty ? Architecture.all.map(\.basearch) : architectures
        guard let architecture = Architecture.named(name) else {
            throw ProvisionError(
                .usage, "--arch: \"\(name)\" is not an architecture",
                hint: Architecture.nearest(to: name).map { "did you mean \"\($0)\"?" }
                    ?? "there are \(Architecture.all.map(\.basearch).joined(separator: ", "))")
        }
        guard choices.contains(architecture.basearch) else {
            throw ProvisionError(
                .usage, "\"\(title)\" is not made for the architecture \"\(name)\"",
                hint: "it is made for \(choices.joined(separator: ", "))")
        }
        main.basearch = architecture.basearch
    }

    /// Adds a repository that checks as [main] says, by the keys of the repositories that are enabled so far.
    private mutating func addRepository(_ text: String) throws(ProvisionError) {
        guard let equals = text.firstIndex(of: "=") else {
            throw ProvisionError(.usage, "--repo \"\(text)\" is not ID=URL", hint: "for example --repo mine=file:///srv/mine")
        }
        let id = String(text[..<equals])
        let place = String(text[text.index(after: equals)...])
        guard RepositoryConfiguration.isValidID(id), id != "main" else {
            throw ProvisionError(
                .usage, "\"\(id)\" in --repo is not a repository id",
                hint: "an id has letters, digits, \"-\", \"_\", \".\" and \":\"")
        }
        guard !repositories.contains(where: { $0.id == id }) else {
            throw ProvisionError(.usage, "there is a repository \"\(id)\" already", hint: "give the one in --repo another id")
        }
        var repository = RepositoryConfiguration(id: id, inheriting: main)
        do throws(SettingProblem) {
            _ = try Setting.assign("baseurl", place.hasPrefix("/") ? "file://" + place : place, to: &repository)
        } catch {
            throw ProvisionError(.usage, "--repo \"\(text)\": \(error.message)", hint: error.hint)
        }
        guard !repository.baseURLs.isEmpty else { throw ProvisionError(.usage, "--repo \"\(text)\" gives no URL") }
        for key in repositories.filter(\.enabled).flatMap(\.keys) where !repository.keys.contains(key) {
            repository.keys.append(key)
        }
        if !repository.keys.isEmpty { repository.state("gpgkey") }
        set(&repository, "enabled") { $0.enabled = true }
        repositories.append(repository)
    }

    private mutating func assign(_ text: String) throws(ProvisionError) {
        guard let equals = text.firstIndex(of: "=") else {
            throw ProvisionError(.usage, "--setopt \"\(text)\" is not KEY=VALUE or REPO.KEY=VALUE")
        }
        let left = text[..<equals].trimming()
        let value = String(text[text.index(after: equals)...].trimming())
        do throws(SettingProblem) {
            guard let dot = left.lastIndex(of: ".") else { return try assign(String(left), value) }
            let key = String(left[left.index(after: dot)...])
            let indices: [Int]
            do { indices = try self.indices(matching: String(left[..<dot]), option: "--setopt") } catch { throw error.problem }
            for index in indices {
                note(try Setting.assign(key, value, to: &repositories[index]), key)
            }
        } catch {
            throw ProvisionError(.usage, "--setopt \"\(text)\": \(error.message)", hint: error.hint)
        }
    }

    /// Into [main], and into every repository that inherits it.
    private mutating func assign(_ key: String, _ value: String) throws(SettingProblem) {
        let setting = try Setting.assign(key, value, to: &main)
        note(setting, key)
        for index in repositories.indices where !repositories[index].stated.contains(setting.name) {
            setting.inherit?(&repositories[index], main)
        }
    }

    private mutating func note(_ setting: Setting, _ key: String) {
        if setting.meaning == .accepted { note("--setopt: \"\(key)\" has no effect: \(setting.help)") }
    }

    private mutating func set(gpgcheck: Bool) {
        main.gpgcheck = gpgcheck
        if !gpgcheck { main.repoGPGCheck = false }
        for index in repositories.indices {
            set(&repositories[index], "gpgcheck") { $0.gpgcheck = gpgcheck }
            if !gpgcheck { set(&repositories[index], "repo_gpgcheck") { $0.repoGPGCheck = false } }
        }
    }

    private mutating func set(enabled: Bool, at index: Int) {
        set(&repositories[index], "enabled") { $0.enabled = enabled }
    }

    private func set(
        _ repository: inout RepositoryConfiguration, _ name: String, _ change: (inout RepositoryConfiguration) -> Void
    ) {
        change(&repository)
        repository.state(name)
    }

    private func indices(matching pattern: String, option: String) throws(ProvisionError) -> [Int] {
        let found = repositories.indices.filter { matches(repositories[$0].id, glob: pattern) }
        guard !found.isEmpty else {
            let ids = repositories.map(\.id)
            throw ProvisionError(
                .usage, "\(option): there is no repository \"\(pattern)\"",
                hint: ConfigurationSource.suggestion(
                    for: pattern, among: ids, otherwise: "there are \(ids.joined(separator: ", "))"))
        }
        return found
    }
}

extension ProvisionError {
    fileprivate var problem: SettingProblem { SettingProblem(message: message, hint: hint) }
}

/// Shell globs with `*` and `?`, as options for repositories and the paths of patches take them.
package func matches(_ text: String, glob: String) -> Bool {
    let text = Array(text)
    let glob = Array(glob)
    // The place of the last `*`, and the text it has swallowed so far: where a later character fails, it swallows one more.
    var star: (glob: Int, text: Int)?
    var (i, j) = (0, 0)
    while i < text.count {
        if j < glob.count, glob[j] == "*" {
            star = (j, i)
            j += 1
        } else if j < glob.count, glob[j] == "?" || glob[j] == text[i] {
            i += 1
            j += 1
        } else if let last = star {
            star = (last.glob, last.text + 1)
            (i, j) = (last.text + 1, last.glob + 1)
        } else {
            return false
        }
    }
    return glob[j...].allSatisfy { $0 == "*" }
}
