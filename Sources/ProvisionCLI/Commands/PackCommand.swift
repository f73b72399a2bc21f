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
        usage: "provision pack <layer> -o <file> [--format <format>] [<options>]",
        discussion: """
            EXAMPLES
              provision pack vsftpd -o vsftpd.cpio.bz2
              provision pack base -o base.tar.zst
              provision pack base -o base.tar.xz
            """)
    @Argument(help: "A layer's name.") var target: String
    @Option(name: .shortAndLong, help: "The file to write.", completion: .file()) var output: String
    @Option(help: "The format, where the name doesn't say it.") var format: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let answer = try Shipping(context: context).pack(
            target, to: Files.absolute(FilePath(output)), format: format)
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
    @Argument(help: "The packed file.", completion: .file()) var file: String
    @Option(help: "The layer's name (default: the one that it was packed with).") var name: String?
    @Option(help: "The layer that it stands on (default: found by digest).") var on: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        let answer = try Shipping(context: context).unpack(Files.absolute(FilePath(file)), name: name, on: on)
        if global.json {
            printJSON(answer)
        } else {
            print("layer \"\(answer.name)\" is ready: \(formatted(bytes: answer.bytes)), \(answer.digest.short)")
        }
        return 0
    }
}
