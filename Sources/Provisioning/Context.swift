public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// The program's version.
public let version = "0.1.0"

/// Where a command works and whom it tells: passed to every work flow, never looked up from deep inside.
public struct Context: Sendable {
    /// Layers, machines and staging; absolute.
    public let state: FilePath
    /// Metadata and packages; safe to delete; absolute.
    public let cache: FilePath
    /// Holds config/ and repos/; absolute.
    public let config: FilePath
    public let progress: any ProgressSink

    /// Relative paths are taken from the working directory; nil means the default.
    ///
    /// - Throws: `.configuration` where no folder with config/ and repos/ is found.
    public init(state: String?, cache: String?, config: String?, progress: any ProgressSink) throws {
        self.state = Files.absolute(FilePath(state ?? "/var/lib/provision"))
        self.cache = Files.absolute(FilePath(cache ?? "/var/cache/provision"))
        self.config = try config.map { Files.absolute(FilePath($0)) } ?? Context.configurationBesideProgram()
        self.progress = progress
        guard Context.isConfiguration(self.config) else {
            throw ProvisionError(
                .configuration, "\"\(self.config)\" holds no config/ and repos/",
                hint: "name a folder that does with --config or PROVISION_CONFIG, as a checkout of provision is one")
        }
    }

    public var patches: FilePath { config.appending("config").appending("patches") }
    public var settings: FilePath { config.appending("config").appending("settings.toml") }
    public var deltaRules: FilePath { config.appending("config").appending("delta.toml") }
    public var releases: FilePath { config.appending("repos") }

    /// PREFIX/share/provision beside PREFIX/bin/provision, or the checkout above the build folder.
    private static func configurationBesideProgram() throws -> FilePath {
        var directory = try Files.canonical("/proc/self/exe").removingLastComponent()
        let installed = directory.removingLastComponent().appending("share/provision")
        if isConfiguration(installed) { return installed }
        while !directory.components.isEmpty {
            if isConfiguration(directory) { return directory }
            directory = directory.removingLastComponent()
        }
        throw ProvisionError(
            .configuration, "no folder with config/ and repos/ was found near the program",
            hint: "name one with --config or PROVISION_CONFIG")
    }

    private static func isConfiguration(_ directory: FilePath) -> Bool {
        Files.isDirectory(directory.appending("config")) && Files.isDirectory(directory.appending("repos"))
    }
}
