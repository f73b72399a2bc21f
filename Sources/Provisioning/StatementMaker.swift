internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Layers
internal import Model
internal import Statements
internal import System
internal import SystemPackage

/// Makes bills of materials and provenance of layers, machines and root directories.
///
/// The process must be in a mount namespace of its own (`PrivateMounts.enter()`).
public struct StatementMaker {
    /// The forms of a bill of materials.
    public enum Form: String, Sendable, CaseIterable {
        /// SPDX 2.3, JSON.
        case spdx
        /// CycloneDX 1.6, JSON.
        case cyclonedx
    }

    private let context: Context
    private let store: LayerStore

    public init(context: Context) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
    }

    /// The bill of materials of all that a target shows.
    ///
    /// - Parameters:
    ///   - own: only what the layer itself brought, without its parents.
    ///   - files: with every packaged regular file and its digest.
    /// - Returns: a JSON document that is the same each time for the same layer.
    /// - Throws: `.notFound`; `.usage` for `own` of what isn't a layer; `.failed` where there is no rpm database or rpm can't read it.
    public func bill(of target: String, form: Form, own: Bool, files: Bool) throws -> [UInt8] {
        let view = try Inventory(context: context).view(of: target)
        let layers = try view.layers.map { try store.layer(named: $0).manifest }
        let layer = view.trees.count == view.layers.count ? layers.first : nil
        guard !own || layer != nil else {
            throw ProvisionError(.usage, "\"\(target)\" is no layer: only a layer has packages of its own")
        }
        let subject = try withMergedRoot(view.trees) { root in
            let known = layers.compactMap { $0.database?.path }
            guard let database = try installedDatabase(in: root, known: known)?.path else {
                throw ProvisionError(
                    .failed, "\"\(target)\" has no rpm database: its packages can't be told",
                    hint: "a bill of materials is made of what rpm installed")
            }
            var packages = try PackageReader(rpm: RpmProgram(root: root, database: database)).packages(withFiles: files)
            // A package of several layers (a reinstalled one) is what the topmost brought.
            let planned = Dictionary(layers.flatMap(\.packages).map { ($0.nevra, $0) }) { first, _ in first }
            for index in packages.indices {
                guard let source = planned[packages[index].nevra] else { continue }
                packages[index].checksum = source.checksum
                packages[index].repository = source.repository
                packages[index].location = source.location
            }
            if own, let layer {
                let names = Set(layer.packages.map(\.nevra))
                packages = packages.filter { names.contains($0.nevra) }
            }
            let distribution = try OperatingSystem(of: root)
            return StatementSubject(
                name: layer?.name ?? target, digest: layer?.digest, distribution: distribution.id,
                distributionVersion: distribution.version, created: try created(layer), packages: packages)
        }
        let licences = LicenceList(try Files.readText(context.config.appending("config").appending("licences.txt")))
        switch form {
        case .spdx: return try json(SPDXDocument(subject, licences: licences, version: version))
        case .cyclonedx: return try json(CycloneDXDocument(subject, licences: licences, version: version))
        }
    }

    /// Who made a layer of what: an in-toto statement with SLSA provenance.
    ///
    /// - Parameter builder: a URI of the pipeline that ran provision.
    /// - Throws: `.notFound`.
    public func provenance(of name: String, builder: String) throws -> [UInt8] {
        let chain = try store.chain(named: name)
        let distribution = try withMergedRoot(chain.trees) { try OperatingSystem(of: $0) }
        return try json(
            ProvenanceStatement(
                of: chain.top.manifest, builder: builder, distribution: (distribution.id, distribution.version)))
    }

    /// When a layer was made; SOURCE_DATE_EPOCH before that, as reproducible-builds.org specifies it.
    private func created(_ layer: LayerManifest?) throws(ProvisionError) -> Int64 {
        try SourceDate.requested() ?? layer?.created ?? Int64(time(nil))
    }

    private func json(_ document: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(document)) + [0x0a]
    }
}

/// A root's os-release, as far as statements name it; see os-release(5).
struct OperatingSystem {
    /// `linux` where the file doesn't say, as os-release(5) has it.
    private(set) var id = "linux"
    private(set) var version = ""

    init(of root: FilePath) throws {
        let directory = try RootedDirectory(root)
        guard let text = try directory.readText("/etc/os-release") ?? directory.readText("/usr/lib/os-release") else { return }
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].filter { $0 != "\"" && $0 != "'" }
            if parts[0] == "ID" { id = value }
            if parts[0] == "VERSION_ID" { version = value }
        }
    }
}
