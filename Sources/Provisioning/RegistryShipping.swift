internal import Configuration
internal import Diagnostics
internal import Glibc
public import Images
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// Layers to and from registries.
public struct RegistryShipping {
    /// How a registry is spoken to, as the command line says it.
    public struct Options: Sendable {
        public var plainHTTP = false
        public var verifyTLS = true
        /// A file with the certificate authorities to trust.
        public var caCertificate: String?
        public var clientCertificate: String?
        public var clientKey: String?

        public init() {}
    }

    private let context: Context
    private let store: LayerStore
    private let registry: ImageRegistry

    public init(context: Context, options: Options) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
        var own = ImageRegistry.Options()
        own.plainHTTP = options.plainHTTP
        own.agent = "provision/\(version)"
        own.transport.verifyTLS = options.verifyTLS
        own.transport.caCertificate = options.caCertificate
        own.transport.clientCertificate = options.clientCertificate
        own.transport.clientKey = options.clientKey
        own.transport.retries = 4
        registry = ImageRegistry(store: store, cache: context.cache, options: own, progress: context.progress)
    }

    /// Pushes a target (as `Shipping.pack` takes it) with all that it stands on.
    ///
    /// - Parameters:
    ///   - compression: `gz`, `zst` or `none`.
    ///   - bills: forms of bills of materials to attach; `provenance`: whether to attach that too.
    /// - Throws: as `ImageRegistry.push`; `.notFound`; `.usage`.
    public func push(
        _ target: String, to reference: String, compression: String, multiArch: Bool, bills: [StatementMaker.Form],
        provenance: Bool
    ) throws -> PushAnswer {
        let place = try RegistryReference(reference)
        let known: [String: ImageFormat.Compression] = ["gz": .gzip, "zst": .zstd, "none": .none]
        guard let compression = known[compression] else {
            throw ProvisionError(.usage, "unknown compression \"\(compression)\"", hint: "gz, zst or none")
        }
        // Before anything is sent: of some targets there is nothing to tell.
        let attachments = try attachments(of: target, bills: bills, provenance: provenance)
        return try ShippedTarget(context: context).with(target, words: "push") { _, chain in
            try registry.push(
                try chain(), to: place, compression: compression, multiArch: multiArch, attachments: attachments)
        }
    }

    private func attachments(
        of target: String, bills: [StatementMaker.Form], provenance: Bool
    ) throws -> [ImageRegistry.Attachment] {
        let maker = StatementMaker(context: context)
        var attachments = try bills.map { form in
            ImageRegistry.Attachment(
                type: form == .spdx ? "application/spdx+json" : "application/vnd.cyclonedx+json",
                bytes: try maker.bill(of: target, form: form, own: false, files: false))
        }
        if provenance {
            attachments.append(
                .init(
                    type: "application/vnd.in-toto+json",
                    bytes: try maker.provenance(of: target, builder: "urn:provision:unattested")))
        }
        return attachments
    }

    /// Pulls an image and makes layers of it.
    ///
    /// - Parameter name: the top layer's; nil takes the image's own, or the last part of its name.
    /// - Throws: as `ImageRegistry.pull`.
    public func pull(_ reference: String, name: String?, arch: String?) throws -> (
        answer: UnpackAnswer, downloadedBytes: UInt64
    ) {
        let place = try RegistryReference(reference)
        let request = UnpackRequest(
            name: name, command: "provision pull \(reference)", now: Int64(time(nil)), arch: arch ?? Architecture.host.basearch)
        let (unpacked, bytes) = try registry.pull(place, rules: try DeltaRules(contentsOf: context.deltaRules), request)
        for note in unpacked.notes { context.progress.warn(note) }
        return (UnpackAnswer(unpacked), bytes)
    }
}
