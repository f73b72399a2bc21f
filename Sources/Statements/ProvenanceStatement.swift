public import Model

/// An in-toto statement with SLSA provenance of one layer's build; see in-toto Attestation v1 and SLSA Provenance v1.
public struct ProvenanceStatement: Encodable, Sendable {
    struct Subject: Encodable, Sendable {
        var name: String
        var digest: [String: String]
    }
    /// in-toto's ResourceDescriptor, as far as it is used.
    struct Resource: Encodable, Sendable {
        var name: String?
        var uri: String?
        var digest: [String: String]?
        var annotations: [String: String]?
    }
    struct External: Encodable, Sendable {
        var command: String
        var release: String
        var arch: String
        /// The digest over all that was asked for.
        var request: String
        var lock: String?
    }
    struct Internal: Encodable, Sendable {
        /// Patches that were applied, with what each changed.
        var patches: [String: String]
        var rpmdb: String?
    }
    struct Definition: Encodable, Sendable {
        var buildType: String
        var externalParameters: External
        var internalParameters: Internal
        var resolvedDependencies: [Resource]
    }
    struct Builder: Encodable, Sendable {
        var id: String
        var version: [String: String]
    }
    struct Metadata: Encodable, Sendable {
        var finishedOn: String
    }
    struct Run: Encodable, Sendable {
        var builder: Builder
        var metadata: Metadata
    }
    struct Predicate: Encodable, Sendable {
        var buildDefinition: Definition
        var runDetails: Run
    }
    enum CodingKeys: String, CodingKey { case type = "_type", subject, predicateType, predicate }

    var type = "https://in-toto.io/Statement/v1"
    var subject: [Subject]
    var predicateType = "https://slsa.dev/provenance/v1"
    var predicate: Predicate

    /// - Parameters:
    ///   - builder: a URI of who built it: the pipeline's, or nothing better than the program's.
    ///   - distribution: os-release's ID and VERSION_ID, for the packages' URLs.
    public init(of layer: LayerManifest, builder: String, distribution: (id: String, version: String)) {
        subject = [Subject(name: layer.name, digest: layer.digest.byAlgorithm)]
        var dependencies: [Resource] = []
        if let parent = layer.parent {
            dependencies.append(
                Resource(name: parent.name, digest: parent.digest.byAlgorithm, annotations: ["kind": "layer"]))
        }
        for repository in layer.repositories ?? [] {
            dependencies.append(
                Resource(
                    name: repository.id, uri: repository.baseURL, digest: repository.repomd.byAlgorithm,
                    annotations: ["kind": "repomd", "revision": repository.revision ?? ""].filter { !$0.value.isEmpty }))
            for key in repository.keys {
                dependencies.append(
                    Resource(name: key, uri: "openpgp4fpr:\(key)", annotations: ["kind": "key", "of": repository.id]))
            }
        }
        for package in layer.packages.sorted(by: { $0.nevra.description < $1.nevra.description }) {
            dependencies.append(
                Resource(
                    name: package.nevra.description,
                    uri: PackageURL.rpm(
                        package.nevra, distribution: distribution.id, distributionVersion: distribution.version),
                    digest: package.checksum.byAlgorithm,
                    annotations: ["kind": "package", "repository": package.repository, "location": package.location]))
        }
        let applied = layer.patches.filter { $0.outcome == .applied }
        predicate = Predicate(
            buildDefinition: Definition(
                buildType: "https://github.com/provision/provision/blob/main/docs/statements.md#layer-v1",
                externalParameters: External(
                    command: layer.command, release: layer.release, arch: layer.arch, request: layer.request.description,
                    lock: layer.lock?.description),
                internalParameters: Internal(
                    patches: Dictionary(applied.map { ($0.name, $0.detail) }) { first, _ in first },
                    rpmdb: layer.database.map { "\($0.path) (\($0.backend))" }),
                resolvedDependencies: dependencies),
            runDetails: Run(
                builder: Builder(id: builder, version: layer.builder.map { ["provision": $0] } ?? [:]),
                metadata: Metadata(finishedOn: StatementIdentity.time(layer.created))))
    }
}

extension ContentDigest {
    /// As in-toto's DigestSet writes it.
    fileprivate var byAlgorithm: [String: String] { [algorithm.rawValue: hex] }
}
