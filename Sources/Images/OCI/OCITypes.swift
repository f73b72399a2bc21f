internal import FoundationEssentials
public import Model

/// The documents of the OCI image specification 1.1, as far as images of root file systems use them.
public enum OCI {
    public enum MediaType {
        public static let manifest = "application/vnd.oci.image.manifest.v1+json"
        public static let index = "application/vnd.oci.image.index.v1+json"
        static let configuration = "application/vnd.oci.image.config.v1+json"
        static let layer = "application/vnd.oci.image.layer.v1.tar"
        static let empty = "application/vnd.oci.empty.v1+json"
        /// What Docker called the same things before.
        static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
        static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"

        static let manifests: Set<String> = [manifest, dockerManifest]
        static let indexes: Set<String> = [index, dockerIndex]
    }

    /// Our annotations and labels.
    public enum Key {
        /// On a layer's descriptor: the name and digest of the layer as provision has it.
        static let layerName = "io.provision.layer.name"
        static let layerDigest = "io.provision.layer.digest"
    }

    public struct Platform: Codable, Sendable, Hashable {
        public var architecture: String
        public var os: String
        public var variant: String?

        public init(architecture: String, os: String = "linux", variant: String? = nil) {
            self.architecture = architecture
            self.os = os
            self.variant = variant
        }
    }

    public struct Descriptor: Codable, Sendable, Equatable {
        public var mediaType: String
        public var digest: ContentDigest
        public var size: UInt64
        public var annotations: [String: String]?
        public var platform: Platform?
        public var artifactType: String?
        public var urls: [String]?

        public init(
            mediaType: String, digest: ContentDigest, size: UInt64, annotations: [String: String]? = nil,
            platform: Platform? = nil, artifactType: String? = nil
        ) {
            self.mediaType = mediaType
            self.digest = digest
            self.size = size
            self.annotations = annotations
            self.platform = platform
            self.artifactType = artifactType
        }
    }

    public struct Manifest: Codable, Sendable, Equatable {
        public var schemaVersion = 2
        public var mediaType: String?
        public var artifactType: String?
        public var config: Descriptor
        public var layers: [Descriptor]
        public var subject: Descriptor?
        public var annotations: [String: String]?
    }

    public struct Index: Codable, Sendable, Equatable {
        public var schemaVersion = 2
        public var mediaType: String?
        public var manifests: [Descriptor]
        public var annotations: [String: String]?
    }

    struct Configuration: Codable, Sendable, Equatable {
        struct Execution: Codable, Sendable, Equatable {
            var Entrypoint: [String]?
            var Cmd: [String]?
            var Env: [String]?
            var Labels: [String: String]?
            var StopSignal: String?
        }
        struct RootFS: Codable, Sendable, Equatable {
            var type = "layers"
            /// Digests of the layers' tar archives, not compressed; base first.
            var diffIDs: [ContentDigest]

            enum CodingKeys: String, CodingKey { case type, diffIDs = "diff_ids" }
        }
        struct Step: Codable, Sendable, Equatable {
            var created: String?
            var createdBy: String?
            var comment: String?
            var isEmpty: Bool?

            enum CodingKeys: String, CodingKey {
                case created, createdBy = "created_by", comment
                case isEmpty = "empty_layer"
            }
        }
        /// What makes the layers ours again: their manifests, base first. Other programs leave it alone.
        struct Provision: Codable, Sendable, Equatable {
            var layers: [LayerManifest]
            /// What of each layer tar doesn't carry: access lists, holes, the root's time.
            var attributes: [AttributeSidecar]?
        }

        var created: String?
        var architecture: String
        var os: String
        var config: Execution?
        var rootfs: RootFS
        var history: [Step]?
        var provision: Provision?

        enum CodingKeys: String, CodingKey {
            case created, architecture, os, config, rootfs, history
            case provision = "io.provision"
        }
    }

    /// The content of `oci-layout`.
    struct LayoutMark: Codable { var imageLayoutVersion = "1.0.0" }

    /// Architectures as Go names them, which OCI took over.
    static func architecture(ofRPM name: String) -> String {
        switch name {
        case "x86_64": "amd64"
        case "aarch64": "arm64"
        case "i386", "i486", "i586", "i686": "386"
        case "armv7hl": "arm"
        default: name
        }
    }

    static func encode(_ document: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(document))
    }
}
