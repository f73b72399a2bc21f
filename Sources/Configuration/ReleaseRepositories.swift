internal import Diagnostics
internal import Model

/// The `[[keys]]` and `[[repos]]` of a release definition, checked against each other.
struct ReleaseRepositories {
    private let keys: [String: KeyReference]
    private(set) var repositories: [RepositoryConfiguration] = []

    /// The definition's names of repository settings, and yum's where it differs.
    private static let settings = [
        "name": "name", "enabled": "enabled", "gpgcheck": "gpgcheck", "repo_gpgcheck": "repo_gpgcheck",
        "priority": "priority", "cost": "cost", "module_hotfixes": "module_hotfixes", "exclude": "excludepkgs",
        "include": "includepkgs", "skip_if_unavailable": "skip_if_unavailable", "metadata_expire": "metadata_expire",
    ]

    init(_ root: StrictTable) throws(ProvisionError) {
        keys = try ReleaseRepositories.keys(root)
        for table in try root.tables(
            "repos", keys: ["id", "baseurl", "metalink", "mirrorlist", "keys"] + Self.settings.keys.sorted())
        {
            repositories.append(try repository(table))
        }
        guard !repositories.isEmpty else { throw root.error("there are no [[repos]]") }
    }

    private static func keys(_ root: StrictTable) throws(ProvisionError) -> [String: KeyReference] {
        var keys: [String: KeyReference] = [:]
        for table in try root.tables("keys", keys: ["id", "url", "file", "fingerprint"]) {
            let id = try table.string("id")
            guard keys[id] == nil else { throw table.error("the key id \"\(id)\" is given twice", at: "id") }
            let url = try table.string("url")
            guard isURL(url, schemes: ["https", "http", "file"]) else {
                throw table.error("\"\(url)\" is not a URL of a key", at: "url", hint: "https://…, http://… or file:///…")
            }
            let text = try table.string("fingerprint")
            guard let fingerprint = normalizedFingerprint(text) else {
                throw table.error(
                    "\"\(text)\" is not a key's fingerprint", at: "fingerprint", hint: "it has forty hexadecimal digits")
            }
            let file = try table.optionalString("file")
            if let file, file.contains("/") || file.contains(" ") {
                throw table.error("\"\(file)\" is not a file's name", at: "file")
            }
            keys[id] = KeyReference(url: url, fileName: file, fingerprint: fingerprint)
        }
        return keys
    }

    private func repository(_ table: StrictTable) throws(ProvisionError) -> RepositoryConfiguration {
        let id = try table.string("id")
        guard RepositoryConfiguration.isValidID(id), id != "main" else {
            throw table.error("\"\(id)\" is not a repository id", at: "id")
        }
        guard !repositories.contains(where: { $0.id == id }) else {
            throw table.error("the repository id \"\(id)\" is given twice", at: "id")
        }
        var repository = RepositoryConfiguration(id: id)
        try readLocation(table, into: &repository)
        for (key, setting) in Self.settings.sorted(by: { $0.key < $1.key }) where table.has(key) {
            try assign(setting, try value(key, in: table), at: key, in: table, to: &repository)
        }
        // Written out even where they have their defaults: what a repository checks should be seen.
        for name in ["name", "enabled", "gpgcheck", "repo_gpgcheck"] { repository.state(name) }
        try readKeys(table, into: &repository)
        return repository
    }

    private func readLocation(
        _ table: StrictTable, into repository: inout RepositoryConfiguration
    ) throws(ProvisionError) {
        if let urls = try table.optionalStrings("baseurl") {
            try assign("baseurl", urls.joined(separator: "\n"), at: "baseurl", in: table, to: &repository)
        }
        for key in ["metalink", "mirrorlist"] {
            guard let url = try table.optionalString(key) else { continue }
            try assign(key, url, at: key, in: table, to: &repository)
        }
        guard repository.hasLocation else {
            throw table.error("repository \"\(repository.id)\" has none of baseurl, mirrorlist and metalink")
        }
    }

    private func readKeys(_ table: StrictTable, into repository: inout RepositoryConfiguration) throws(ProvisionError) {
        for id in try table.optionalStrings("keys") ?? [] {
            guard let key = keys[id] else {
                throw table.error(
                    "there is no key \"\(id)\" among [[keys]]", at: "keys",
                    hint: ConfigurationSource.suggestion(for: id, among: keys.keys.sorted()))
            }
            repository.keys.append(key)
        }
        guard !repository.keys.isEmpty || !(repository.gpgcheck || repository.repoGPGCheck) else {
            throw table.error("repository \"\(repository.id)\" has gpgcheck on but no keys", at: "keys")
        }
        if !repository.keys.isEmpty { repository.state("gpgkey") }
    }

    /// The value as yum.conf writes it: both files share one table of settings and one way to read a value.
    private func value(_ key: String, in table: StrictTable) throws(ProvisionError) -> String {
        switch key {
        case "name", "metadata_expire": try table.string(key)
        case "priority", "cost": "\(try table.integer(key, in: 0...Int.max) ?? 0)"
        case "exclude", "include": try table.strings(key).joined(separator: " ")
        default: try table.boolean(key, default: false) ? "1" : "0"
        }
    }

    private func assign(
        _ setting: String, _ value: String, at key: String, in table: StrictTable, to repository: inout RepositoryConfiguration
    ) throws(ProvisionError) {
        do {
            _ = try Setting.assign(setting, value, to: &repository)
        } catch {
            throw table.error(error.message, at: key, hint: error.hint)
        }
    }
}
