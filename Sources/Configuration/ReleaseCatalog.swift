public import Diagnostics
public import SystemPackage

/// The releases that can be installed: one definition a file, repos/ID.toml.
public struct ReleaseCatalog: Sendable {
    public let directory: FilePath

    /// `directory` is the folder that holds the definitions; it is read when asked.
    public init(directory: FilePath) { self.directory = directory }

    /// The ids that there are, sorted.
    public func ids() throws(ProvisionError) -> [String] {
        try ConfigurationSource.names(in: directory, suffix: ".toml")
    }

    /// - Throws: `.notFound` with the nearest id and a list of what there is; `.configuration` where the definition is wrong.
    public func load(_ id: String) throws(ProvisionError) -> Release {
        let path = directory.appending(id + ".toml")
        guard RepositoryConfiguration.isValidID(id), let document = try StrictDocument(reading: path) else {
            let ids = try ids()
            guard !ids.isEmpty else {
                throw ProvisionError(
                    .notFound, "there is no release \"\(id)\", and no other in \"\(directory)\"",
                    hint: "name the folder that holds config/ and repos/ with --config")
            }
            let list = "there are \(ids.joined(separator: ", "))"
            let near = ConfigurationSource.suggestion(for: id, among: ids)
            throw ProvisionError(
                .notFound, "there is no release \"\(id)\"", hint: [near, list].compactMap { $0 }.joined(separator: " "))
        }
        return try Release(id: id, document: document)
    }
}
