internal import Configuration
public import Diagnostics
public import Model
internal import System
public import SystemPackage

/// The patches that there are: one declaration a file, config/patches/NAME.toml.
public struct PatchCatalog: Sendable {
    public let directory: FilePath

    /// `directory` is the folder that holds the declarations; it is read when asked.
    public init(directory: FilePath) { self.directory = directory }

    /// The names that there are, sorted.
    public func ids() throws(ProvisionError) -> [String] {
        try ConfigurationSource.names(in: directory, suffix: ".toml")
    }

    /// - Throws: `.notFound` with the nearest name; `.configuration` where the declaration is wrong.
    public func load(_ name: String) throws(ProvisionError) -> Patch {
        let ids = try ids()
        guard ids.contains(name), let patch = try read(name) else { throw unknown(name, among: ids, .notFound) }
        return patch
    }

    /// A patch whose name is known to be one; nil where it went away meanwhile.
    func read(_ name: String) throws(ProvisionError) -> Patch? {
        let path = directory.appending(name + ".toml")
        return try ConfigurationSource.read(path).map { (text) throws(ProvisionError) in
            try Patch(name: name, parsing: text, path: path.string)
        }
    }

    /// Applies patches to the root at `root`, in order. Paths and links are resolved inside the root, whatever it holds.
    ///
    /// - Returns: one report for each: applied with what changed, or not needed with the reason.
    /// - Throws: what went wrong with the patch's name, `.interrupted` between two edits. Edits done before stay done: the root is a
    ///   staged one that is thrown away.
    public func apply(_ selections: [PatchSelection], to root: FilePath) throws -> [PatchReport] {
        var reports: [PatchReport] = []
        for selection in selections {
            reports.append(try apply(try load(selection.name), value: selection.value, to: root))
        }
        return reports
    }

    func apply(_ patch: Patch, value: String?, to root: FilePath) throws -> PatchReport {
        let runner = EditRunner(root: try RootedDirectory(root), value: value)
        var changes: [String] = []
        var reasons: [String] = []
        var skipped: [String] = []
        for edit in patch.edits {
            try Interruption.check()
            do {
                switch try runner.run(edit) {
                case .changed(let more): changes += more
                case .notNeeded(let reason): if !reasons.contains(reason) { reasons.append(reason) }
                case .skipped(let reason): if !skipped.contains(reason) { skipped.append(reason) }
                }
            } catch var error as ProvisionError where error.code != .interrupted {
                error.message = "patch \"\(patch.name)\": \(error.message)"
                throw error
            }
        }
        guard changes.isEmpty else {
            return PatchReport(name: patch.name, outcome: .applied, detail: changes.joined(separator: ", "))
        }
        return PatchReport(
            name: patch.name, outcome: .notNeeded, detail: (reasons.isEmpty ? skipped : reasons).joined(separator: ", "))
    }

    func unknown(_ name: String, among ids: [String], _ code: ProvisionError.Code) -> ProvisionError {
        let list = ids.isEmpty ? "there is none in \"\(directory)\"" : "there are \(ids.joined(separator: ", "))"
        let near = ConfigurationSource.suggestion(for: name, among: ids)
        return ProvisionError(
            code, "there is no patch \"\(name)\"", hint: [near, list].compactMap { $0 }.joined(separator: " "))
    }
}
