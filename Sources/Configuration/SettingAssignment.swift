/// What is wrong with an assignment; the caller adds where it stands.
struct SettingProblem: Error, Equatable {
    let message: String
    var hint: String?
}

extension Setting {
    /// Reads `value` into the setting `key` of [main], and says which setting it was.
    static func assign(_ key: String, _ value: String, to main: inout MainConfiguration) throws(SettingProblem) -> Setting {
        let setting = try find(key, in: .main, called: "[main]")
        if let access = setting.main { try set(setting, access, &main, value, as: key) }
        return setting
    }

    /// Reads `value` into the setting `key` of a repository, which then states it itself.
    static func assign(
        _ key: String, _ value: String, to repository: inout RepositoryConfiguration
    ) throws(SettingProblem) -> Setting {
        let setting = try find(key, in: .repository, called: "[\(repository.id)]")
        if let access = setting.repository {
            try set(setting, access, &repository, value, as: key)
            repository.state(setting.name)
        }
        return setting
    }

    private static func find(_ key: String, in section: Sections, called title: String) throws(SettingProblem) -> Setting {
        guard let setting = named(key) else {
            // Includes pull in other files, so passing over one would change what is built.
            if key.lowercased() == "include" {
                throw SettingProblem(
                    message: "\"include\" is not supported", hint: "put the included file's sections into this one")
            }
            throw SettingProblem(
                message: "unknown key \"\(key)\" in \(title)",
                hint: ConfigurationSource.suggestion(
                    for: key, among: names(in: section), otherwise: "yum.conf(5) and dnf.conf(5) list the keys"))
        }
        // Where a key means nothing, it does so anywhere.
        guard setting.meaning == .accepted || setting.sections.contains(section) else {
            throw SettingProblem(
                message: "\"\(key)\" has no place in \(title)",
                hint: section == .main ? "it belongs into a repository's section" : "it belongs into [main]")
        }
        return setting
    }

    private static func set<Target>(
        _ setting: Setting, _ access: Access<Target>, _ target: inout Target, _ value: String, as key: String
    ) throws(SettingProblem) {
        if access.set(&target, value) { return }
        let shown = value.split(whereSeparator: \.isNewline).joined(separator: " ")
        var hint: String?
        if value.contains(where: \.isNewline) {
            hint = "a line that begins with white space continues the setting above it"
        } else if value.contains(" #") || value.contains(" ;") {
            hint = "a comment needs a line of its own"
        }
        let what = setting.isSecret ? "the value of \"\(key)\" is not allowed" : "\"\(shown)\" is not a value of \"\(key)\""
        throw SettingProblem(message: "\(what); allowed: \(setting.allowed)", hint: hint)
    }
}
