internal import ArgumentParser
internal import Diagnostics
internal import Provisioning
internal import System
internal import SystemPackage

/// The forms of a bill of materials, as they are typed.
enum BillFormat: String, ExpressibleByArgument, CaseIterable {
    case spdx, cyclonedx

    var form: StatementMaker.Form {
        switch self {
        case .spdx: .spdx
        case .cyclonedx: .cyclonedx
        }
    }
}

struct BillCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "sbom",
        abstract: "Write the bill of materials of a layer, machine or root directory.",
        usage: "provision sbom <target> [-o <file>] [<options>]",
        discussion: """
            Every package of the rpm database with its package URL, licence and
            source package, and, where a layer knows it, the digest of the package
            file and the repository it came from. The same layer always gives the
            same document.

            EXAMPLES
              provision sbom base -o base.spdx.json
              provision sbom vsftpd --own --format cyclonedx
              provision sbom base --files | jq '.files | length'
            """)
    @Argument(help: "A layer's or machine's name, or a root directory (with a /).") var target: String
    @Option(help: "SPDX 2.3 or CycloneDX 1.6, both as JSON.") var format = BillFormat.spdx
    @Flag(help: "Only the packages that the layer itself brought.") var own = false
    @Flag(help: "With every packaged file and its digest.") var files = false
    @Option(name: .shortAndLong, help: "The file to write (default: standard output).", completion: .file()) var output = "-"
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        try write(StatementMaker(context: context).bill(of: target, form: format.form, own: own, files: files), to: output)
        return 0
    }
}

struct ProvenanceCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "provenance",
        abstract: "Write of what, by which request and by whom a layer was made.",
        usage: "provision provenance <layer> [--builder <uri>] [-o <file>]",
        discussion: """
            An in-toto statement with SLSA provenance: the request and its lock, the
            parent, every repository's repomd digest, the keys, every package.

            EXAMPLES
              provision provenance vsftpd -o vsftpd.intoto.json
              provision provenance base --builder https://ci.example.org/jobs/42
            """)
    @Argument(help: "A layer's name.") var layer: String
    @Option(help: ArgumentHelp("Who ran provision: the pipeline's URI.", valueName: "uri"))
    var builder = "urn:provision:unattested"
    @Option(name: .shortAndLong, help: "The file to write (default: standard output).", completion: .file()) var output = "-"
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        try write(StatementMaker(context: context).provenance(of: layer, builder: builder), to: output)
        return 0
    }
}

private func write(_ document: [UInt8], to output: String) throws {
    if output == "-" {
        print(String(decoding: document, as: UTF8.self), terminator: "")
    } else {
        try Files.write(document, to: Files.replaceable(output))
    }
}
