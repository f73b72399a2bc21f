public import Diagnostics
public import Model

/// A distribution version that can be installed: its repositories, keys, variables and defaults.
///
/// Decoded from repos/ID.toml, strictly: an unknown key is an error with file, line and the nearest key.
public struct Release: Sendable, Equatable {
    public let id: String
    public let name: String
    /// What $releasever stands for.
    public let releasever: String
    /// yum's names ($basearch) of the architectures that the repositories have, the preferred first.
    public let architectures: [String]
    /// `YYYY-MM-DD`: no updates after that day.
    public let endOfLife: String?
    /// Where its rpm database lies and what wrote it.
    public let database: LayerManifest.Database
    /// The tool that the system's own people install packages with.
    public let manager: PackageManager
    /// What a base layer holds when nothing is asked for.
    public let base: [String]
    /// Names of the patches that are on by default; nil leaves it to each patch.
    public let patches: [String]?
    /// Variables of its own, by name.
    public let variables: [String: String]
    /// As written in the definition, variables not expanded.
    public let repositories: [RepositoryConfiguration]

    /// - Throws: `.configuration` with file and line.
    public init(id: String, parsing text: String, path: String) throws(ProvisionError) {
        try self.init(id: id, document: try StrictDocument(parsing: text, path: path))
    }

    init(id: String, document: StrictDocument) throws(ProvisionError) {
        let root = try document.root(keys: [
            "name", "releasever", "architectures", "end_of_life", "rpmdb", "manager", "base", "patches", "vars", "keys",
            "repos",
        ])
        self.id = id
        name = try root.string("name")
        releasever = try root.string("releasever")
        architectures = try Release.architectures(root)
        endOfLife = try Release.date(root, "end_of_life")
        database = try Release.database(root)
        let managers = PackageManager.allCases.map(\.rawValue)
        manager =
            try root.optionalString("manager") == nil
            ? .dnf : PackageManager(rawValue: try root.choice("manager", among: managers)) ?? .dnf
        base = try root.strings("base")
        guard !base.isEmpty else { throw root.error("\"base\" is empty", at: "base") }
        patches = try root.optionalStrings("patches")
        variables = try Release.variables(root)
        repositories = try ReleaseRepositories(root).repositories
    }

    private static func architectures(_ root: StrictTable) throws(ProvisionError) -> [String] {
        let names = try root.strings("architectures")
        let known = Architecture.all.map(\.basearch)
        guard !names.isEmpty else { throw root.error("\"architectures\" is empty", at: "architectures") }
        for name in names where !known.contains(name) {
            throw root.error(
                "unknown architecture \"\(name)\"", at: "architectures",
                hint: ConfigurationSource.suggestion(
                    for: name, among: known, otherwise: "known ones: \(known.joined(separator: ", "))"))
        }
        return names
    }

    private static func date(_ root: StrictTable, _ key: String) throws(ProvisionError) -> String? {
        guard let text = try root.optionalString(key) else { return nil }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.count) == [4, 2, 2], parts.allSatisfy({ Int($0) != nil }) else {
            throw root.error("\"\(text)\" is not a date", at: key, hint: "write it YYYY-MM-DD, in quotes")
        }
        return text
    }

    private static func database(_ root: StrictTable) throws(ProvisionError) -> LayerManifest.Database {
        guard let table = try root.table("rpmdb", keys: ["path", "backend"]) else {
            throw root.error("the key \"rpmdb\" is missing", hint: "rpmdb = { path = \"/var/lib/rpm\", backend = \"sqlite\" }")
        }
        let path = try table.string("path")
        guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw table.error("\"\(path)\" is not an absolute path in a root", at: "path")
        }
        return LayerManifest.Database(path: path, backend: try table.choice("backend", among: ["sqlite", "ndb", "bdb"]))
    }

    private static func variables(_ root: StrictTable) throws(ProvisionError) -> [String: String] {
        let variables = try root.dictionary("vars")
        guard let table = try root.table("vars", keys: nil) else { return [:] }
        for name in variables.keys.sorted() {
            guard Variables.isValidName(name) else {
                throw table.error("\"\(name)\" is not a variable's name", at: name, hint: "letters, digits and _ only")
            }
            guard !Variables.builtIn.contains(name) else {
                throw table.error("the variable \"\(name)\" is built in and can't be set here", at: name)
            }
        }
        return variables
    }
}
