internal import Configuration
internal import Diagnostics
internal import System
public import SystemPackage

/// The releases that can be installed, and which of them this state installs by default.
public struct Releases {
    private let context: Context
    let catalog: ReleaseCatalog

    public init(context: Context) {
        self.context = context
        catalog = ReleaseCatalog(directory: context.releases)
    }

    /// The state's own choice, else the shipped default.
    public func defaultRelease() throws -> String {
        let file = context.state.appending("release")
        if let bytes = try Files.readIfPresent(file, limit: 4096) {
            let id = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
            if !id.isEmpty { return id }
        }
        return try Settings(reading: context.settings).release
    }

    /// - Throws: `.notFound` for a release that isn't defined, with the nearest id.
    public func setDefault(_ id: String) throws {
        _ = try catalog.load(id)
        try Files.makeDirectory(context.state)
        try Files.write(id + "\n", to: context.state.appending("release"))
    }

    public func all() throws -> [ReleaseSummary] {
        try catalog.ids().map { id in
            let release = try catalog.load(id)
            return ReleaseSummary(
                id: id, name: release.name, releasever: release.releasever, architectures: release.architectures,
                endOfLife: release.endOfLife)
        }
    }

    /// The yum.conf of a release, or the full form of a hand-written one.
    public func yumConfiguration(release: String?, file: FilePath?) throws -> String {
        let configuration = try BuildConfiguration.load(
            release: release, file: file, fallback: defaultRelease(), catalog: catalog)
        for note in configuration.notes { context.progress.detail(note) }
        return Configuration.yumConfiguration(of: configuration)
    }
}

/// One release as `provision release` lists it.
public struct ReleaseSummary: Encodable, Sendable {
    public var id: String
    public var name: String
    public var releasever: String
    public var architectures: [String]
    /// A date, `2024-06-30`.
    public var endOfLife: String?
}
