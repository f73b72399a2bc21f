internal import ArgumentParser
internal import Diagnostics
internal import Model
internal import Provisioning
internal import System
internal import SystemPackage

struct PackCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack",
        abstract: "Write one layer as a file; the format follows from the name.",
        usage: "provision pack <target> -o <file> [<options>]",
        discussion: """
            A stopped machine is packed as the layer that commit would make of it, a
            root directory (a path with a /) as a base.

            EXAMPLES
              provision pack vsftpd -o vsftpd.cpio.bz2
              provision pack base -o base.tar.zst
              provision pack base -o base.erofs
              provision pack vsftpd --whole -o ftpserver.tar.zst
              provision pack ./handmade -o handmade.cpio.bz2
              provision pack vsftpd -o - --format tar.zst |
                ssh host provision unpack - --format tar.zst
            """)
    @Argument(help: "A layer's or machine's name, or a path to a root directory.") var target: String
    @Option(name: .shortAndLong, help: "The file to write; - is standard output.", completion: .file()) var output: String
    @Option(help: "The format, where the name doesn't say it.") var format: String?
    @Flag(help: "Refuse what the format can't carry by itself; otherwise it goes along in a file that unpack restores.")
    var strict = false
    @Flag(help: "The layer with all that it stands on, as one base.") var whole = false
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func validate() throws {
        guard output == "-" else { return }
        if format == nil { throw ValidationError("Standard output needs --format, as in --format tar.zst") }
        if isTerminal(.standardOutput) {
            throw ValidationError("An image is nothing for a terminal: lead standard output to a file or a program")
        }
        if global.json { throw ValidationError("The image and --json both want standard output") }
    }

    func execute(in context: Context) throws -> Int32 {
        if output == "-", let format {
            try Shipping(context: context).packToStandardOutput(target, format: format, whole: whole, strict: strict)
            return 0
        }
        let answer = try Shipping(context: context).pack(
            target, to: Files.replaceable(output), format: format, whole: whole, strict: strict)
        if global.json {
            printJSON(answer)
        } else {
            print("\(answer.file): layer \"\(answer.name)\" in \(formatted(bytes: answer.bytes))")
        }
        return 0
    }
}

struct UnpackCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpack",
        abstract: "Make a layer of a packed file, on this or another host.",
        usage: "provision unpack <file> [--name <name>] [--on <layer>] [<options>]",
        discussion: """
            An app needs the base that it was made on: its digest decides, not its
            name.

            EXAMPLES
              provision unpack base.tar.zst
              provision unpack vsftpd.cpio.bz2 --on base
            """)
    @Argument(help: "The packed file; - is standard input.", completion: .file()) var file: String
    @Option(help: "The layer's name (default: the one that it was packed with).") var name: String?
    @Option(help: "The format, where the name doesn't say it.") var format: String?
    @Option(help: "The layer that it stands on (default: found by digest).") var on: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func validate() throws {
        if file == "-", format == nil { throw ValidationError("Standard input needs --format, as in --format tar.zst") }
    }

    func execute(in context: Context) throws -> Int32 {
        let answer = try Shipping(context: context).unpack(
            file == "-" ? nil : Files.absolute(FilePath(file)), name: name, on: on, format: format)
        if global.json {
            printJSON(answer)
        } else {
            let with = answer.brought.isEmpty ? "" : ", with \(answer.brought.joined(separator: ", "))"
            print("layer \"\(answer.name)\" is ready: \(formatted(bytes: answer.bytes)), \(answer.digest.short)\(with)")
        }
        return 0
    }
}
