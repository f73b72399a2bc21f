internal import Configuration
public import Diagnostics
internal import Model
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

    func unknown(_ name: String, among ids: [String], _ code: ProvisionError.Code) -> ProvisionError {
        let list = ids.isEmpty ? "there is none in \"\(directory)\"" : "there are \(ids.joined(separator: ", "))"
        let near = ConfigurationSource.suggestion(for: name, among: ids)
        return ProvisionError(
            code, "there is no patch \"\(name)\"", hint: [near, list].compactMap { $0 }.joined(separator: " "))
    }
}
