public import Diagnostics
public import SystemPackage

/// config/settings.toml: the defaults of this installation.
public struct Settings: Sendable, Equatable {
    /// The release of a state directory that has none of its own.
    public let release: String
    /// How many files are fetched at once unless `--jobs` says otherwise.
    public let jobs: Int
    public let limits: SizeLimits
    public let scriptlets: ScriptletLimits

    /// - Throws: `.configuration`, with file and line; also where the file is missing, since it says what is built.
    public init(reading path: FilePath) throws(ProvisionError) {
        guard let document = try StrictDocument(reading: path) else {
            throw ProvisionError(
                .configuration, "cannot read \"\(path)\": no such file",
                hint: "name the folder that holds config/ and repos/ with --config")
        }
        try self.init(document: document)
    }

    init(document: StrictDocument) throws(ProvisionError) {
        let root = try document.root(keys: ["release", "jobs", "limits", "scriptlets"])
        release = try root.string("release")
        guard let jobs = try root.integer("jobs", in: 1...64) else { throw root.error("the key \"jobs\" is missing") }
        self.jobs = jobs
        limits = try SizeLimits(try root.table("limits", keys: SizeLimits.keys))
        scriptlets = try ScriptletLimits(try root.table("scriptlets", keys: ScriptletLimits.keys))
    }
}
