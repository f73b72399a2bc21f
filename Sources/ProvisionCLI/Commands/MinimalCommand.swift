internal import ArgumentParser
internal import Provisioning
internal import System
internal import SystemPackage

struct MinimalCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "minimal",
        abstract: "Make a base layer of one static busybox, without packages.",
        usage: "provision minimal [<name>] [--busybox <file>] [--fresh] [<options>]",
        discussion: """
            The host's busybox is taken (Debian's package busybox-static has a static
            one), with a link for each of its applets. It runs, boots, and carries
            what you bind or copy into it. The same busybox again reuses the layer.

            EXAMPLES
              provision minimal && provision run minimal -- ps
              provision minimal tiny --busybox ./busybox
            """)
    @Argument(help: ArgumentHelp("The layer's name.", valueName: "name")) var name = "minimal"
    @Option(help: ArgumentHelp("A static busybox to take.", valueName: "file"), completion: .file())
    var busybox: String?
    @Flag(help: "Make it although a fitting layer is there; replaces one of that name.") var fresh = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        var request = MinimalRequest(name: name)
        request.busybox = busybox.map { Files.absolute(FilePath($0)) }
        request.fresh = fresh
        request.command = commandLine()
        show(try MinimalBuilder(context: context).build(request), global: global)
        return 0
    }
}
