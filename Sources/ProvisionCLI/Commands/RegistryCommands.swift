internal import ArgumentParser
internal import Diagnostics
internal import Images
internal import Model
internal import Provisioning
internal import System
internal import SystemPackage

/// How a registry is spoken to.
struct RegistryOptions: ParsableArguments {
    @Flag(help: "Speak HTTP without TLS (a registry on the loopback may always).") var plainHTTP = false

    @Flag(inversion: .prefixedNo, help: "Check the registry's certificate.") var tlsVerify = true

    @Option(help: ArgumentHelp("Certificate authorities to trust.", valueName: "file"), completion: .file()) var cacert: String?

    @Option(help: ArgumentHelp("Our certificate, where the registry wants one.", valueName: "file"), completion: .file())
    var cert: String?

    @Option(help: ArgumentHelp("Its key.", valueName: "file"), completion: .file()) var key: String?

    var options: RegistryShipping.Options {
        var options = RegistryShipping.Options()
        options.plainHTTP = plainHTTP
        options.verifyTLS = tlsVerify
        options.caCertificate = cacert
        options.clientCertificate = cert
        options.clientKey = key
        return options
    }
}

struct PushCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Send a layer, with what it stands on, to an OCI registry.",
        usage: "provision push <target> <registry/name:tag> [<options>]",
        discussion: """
            One OCI layer for each of ours, so that a new version of an app sends its
            own layer and nothing else. Logins are those of podman and docker
            (podman login). Any runtime can run what was pushed. A stopped machine
            is sent as the layer that commit would make of it, a root directory (a
            path with a /) as a base.

            EXAMPLES
              provision push ftp registry.example.org/ftp:1
              provision push ftp localhost:5000/ftp:2 --sbom spdx --provenance
              provision push ftp registry.example.org/ftp:2 --multi-arch
            """)
    @Argument(help: "A layer's or machine's name, or a path to a root directory.") var target: String
    @Argument(help: ArgumentHelp("Where to.", valueName: "registry/name:tag")) var reference: String
    @Option(help: "gz (any runtime), zst (smaller, newer ones) or none.") var compression = "gz"
    @Flag(help: "Make the tag an index of architectures, or add to the one it is.") var multiArch = false
    @Option(parsing: .singleValue, help: "Attach a bill of materials.") var sbom: [BillFormat] = []
    @Flag(help: "Attach provenance.") var provenance = false
    @OptionGroup(title: "Registry options") var registry: RegistryOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        let answer = try RegistryShipping(context: context, options: registry.options).push(
            target, to: reference, compression: compression, multiArch: multiArch, bills: sbom.map(\.form),
            provenance: provenance)
        guard !global.json else {
            printJSON(answer)
            return 0
        }
        for layer in answer.layers {
            let what = layer.sentBytes == 0 ? "is there already" : "\(formatted(bytes: layer.sentBytes)) sent"
            print("layer \"\(layer.name)\": \(what)")
        }
        for type in answer.attached { print("attached \(type)") }
        print("\(answer.reference) is \(answer.digest)")
        return 0
    }
}

struct PullCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Make layers of an image in an OCI registry.",
        usage: "provision pull <registry/name:tag> [--name <name>] [<options>]",
        discussion: """
            What push sent becomes the same layers again; those that are here aren't
            fetched. An image that others made becomes layers too, without knowledge
            of packages.

            EXAMPLES
              provision pull registry.example.org/ftp:2
              provision pull docker.io/library/alpine:3 --name alpine
            """)
    @Argument(help: ArgumentHelp("Where from.", valueName: "registry/name:tag")) var reference: String
    @Option(help: "The layer's name (default: the one that it was pushed as).") var name: String?
    @Option(help: ArgumentHelp("The architecture, as rpm names it (default: this host's).", valueName: "arch")) var arch:
        String?
    @OptionGroup(title: "Registry options") var registry: RegistryOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    private struct Answer: Encodable {
        var layer: UnpackAnswer
        var downloadedBytes: UInt64
    }

    func execute(in context: Context) throws -> Int32 {
        let (layer, bytes) = try RegistryShipping(context: context, options: registry.options).pull(
            reference, name: name, arch: arch)
        if global.json {
            printJSON(Answer(layer: layer, downloadedBytes: bytes))
        } else {
            let with = layer.brought.isEmpty ? "" : ", with \(layer.brought.joined(separator: ", "))"
            print("layer \"\(layer.name)\" is ready: \(formatted(bytes: layer.bytes)), \(layer.digest.short)\(with)")
        }
        return 0
    }
}
