public import Diagnostics
internal import Model
public import SystemPackage

/// A yum.conf: the [main] section and the repositories of one file.
///
/// The dialect is that of yum.conf(5) and dnf.conf(5), read strictly: `Setting.all` lists every option, an unknown one is an
/// error, a known one that decides nothing in a build is noted. Paths such as cachedir and logfile are never used. Two comments
/// carry what yum has no option for (see `Directive`).
public struct YumConfigurationFile: Sendable, Equatable {
    /// As messages name it.
    public let path: String
    public private(set) var main = MainConfiguration()
    public private(set) var repositories: [RepositoryConfiguration] = []
    /// The release that the file was written for, where it says so: `# provision: release ID`.
    public private(set) var releaseID: String?
    /// What was accepted without meaning, with `FILE:LINE`.
    public private(set) var notes: [String] = []

    /// - Throws: `.configuration`, with file and line and the nearest valid key.
    public init(parsing text: String, path: String) throws(ProvisionError) {
        self.path = path
        let syntax = try INISyntax(parsing: text, path: path)
        try readDirectives(syntax.directives)
        for section in syntax.sections where section.name == "main" { try readMain(section) }
        for section in syntax.sections where section.name != "main" { try readRepository(section) }
    }

    /// - Throws: `.configuration`, also where the file can't be read.
    public init(reading path: FilePath) throws(ProvisionError) {
        guard let text = try ConfigurationSource.read(path) else {
            throw ProvisionError(
                .configuration, "cannot read \"\(path)\": no such file", hint: "provision yumconf prints one to start from")
        }
        try self.init(parsing: text, path: path.string)
    }

    private mutating func readMain(_ section: INISyntax.Section) throws(ProvisionError) {
        for entry in entries(of: section) {
            do {
                note(try Setting.assign(entry.key, entry.value, to: &main), at: entry)
            } catch { throw place(error, entry.line) }
        }
        try readDirectives(section.directives)
    }

    private mutating func readDirectives(_ directives: [Directive]) throws(ProvisionError) {
        for directive in directives {
            switch directive {
            case .release(let id, _): releaseID = id
            case .fingerprint(_, _, _, let line):
                throw ConfigurationSource.error(path, line: line, "a key's fingerprint belongs into a repository's section")
            }
        }
    }

    private mutating func readRepository(_ section: INISyntax.Section) throws(ProvisionError) {
        guard RepositoryConfiguration.isValidID(section.name) else {
            throw ConfigurationSource.error(
                path, line: section.line, "\"\(section.name)\" is not a repository id",
                hint: "an id has letters, digits, \"-\", \"_\", \".\" and \":\"")
        }
        var repository = RepositoryConfiguration(id: section.name, inheriting: main)
        for entry in entries(of: section) {
            do {
                note(try Setting.assign(entry.key, entry.value, to: &repository), at: entry)
            } catch { throw place(error, entry.line) }
        }
        guard repository.hasLocation else {
            throw ConfigurationSource.error(
                path, line: section.line, "repository \"\(section.name)\" has none of baseurl, mirrorlist and metalink",
                hint: ConfigurationSource.suggestion(for: section.name, among: ["main"]))
        }
        for directive in section.directives { try pin(directive, in: &repository) }
        repositories.append(repository)
    }

    private func pin(_ directive: Directive, in repository: inout RepositoryConfiguration) throws(ProvisionError) {
        switch directive {
        case .release(_, let line):
            throw ConfigurationSource.error(path, line: line, "the release is named in [main], not in [\(repository.id)]")
        case .fingerprint(let fingerprint, let url, let file, let line):
            guard let last = repository.keys.lastIndex(where: { $0.url == url }) else {
                throw ConfigurationSource.error(
                    path, line: line, "\"\(url)\" is not a gpgkey of \"\(repository.id)\"",
                    hint: "a fingerprint pins one of the section's gpgkey URLs")
            }
            let key = KeyReference(url: url, fileName: file, fingerprint: fingerprint)
            if let unpinned = repository.keys.firstIndex(where: { $0.url == url && $0.fingerprint == nil }) {
                repository.keys[unpinned] = key
            } else if !repository.keys.contains(key) {
                // One file may hold several keys: its owner's old one and the new one.
                repository.keys.insert(key, at: last + 1)
            }
        }
    }

    /// The entries that count: of several with one key, the last.
    private mutating func entries(of section: INISyntax.Section) -> [INISyntax.Entry] {
        var result: [INISyntax.Entry] = []
        for entry in section.entries {
            let name = Setting.named(entry.key)?.name
            if let name, let earlier = result.firstIndex(where: { Setting.named($0.key)?.name == name }) {
                notes.append("\(path):\(entry.line): \"\(entry.key)\" replaces what line \(result[earlier].line) says")
                result.remove(at: earlier)
            }
            result.append(entry)
        }
        return result
    }

    private mutating func note(_ setting: Setting, at entry: INISyntax.Entry) {
        guard setting.meaning == .accepted else { return }
        notes.append("\(path):\(entry.line): \"\(entry.key)\" has no effect: \(setting.help)")
    }

    private func place(_ problem: SettingProblem, _ line: Int) -> ProvisionError {
        ConfigurationSource.error(path, line: line, problem.message, hint: problem.hint)
    }
}
