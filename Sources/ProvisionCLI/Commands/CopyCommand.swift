internal import ArgumentParser
internal import Diagnostics
internal import Glibc
internal import Model
internal import Provisioning

struct CopyCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp",
        abstract: "Copy files and directories into and out of machines.",
        usage: "provision cp <source> <destination> [<options>]",
        discussion: """
            One side is MACHINE:PATH, the other a path of the host or of a machine
            too. Directories are copied whole; mode, owner (by number), time and
            extended attributes are kept. A path inside a machine never leads out
            of it, whatever links lie there.

            EXAMPLES
              provision cp site.conf web:/etc/httpd/conf.d/
              provision cp web:/var/log/httpd ./logs
            """)
    @Argument(help: "What to copy.") var source: String
    @Argument(help: "Where to; a directory gets it put into.") var destination: String
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        try MachineWork(context: context).copy(source, to: destination)
        return 0
    }
}

struct CommitCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit",
        abstract: "Make an app layer of what a machine changed.",
        usage: "provision commit <machine> --name <name> [<options>]",
        discussion: """
            The machine must not run. The layer stands on the machine's own, holds
            what `diff MACHINE` shows (but for logs of package managers, /tmp, /run
            and the like), and lists the packages that rpm or dnf brought in.

            EXAMPLES
              provision commit web --name web-configured
            """)
    @Argument(help: "A machine's name.") var machine: String
    @Option(help: ArgumentHelp("The new layer's name.", valueName: "name")) var name: String
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        guard geteuid() == 0 else {
            throw ProvisionError(.unsupported, "making a layer needs root", hint: "run it with sudo")
        }
        let manifest = try MachineWork(context: context).commit(machine, name: name)
        guard !global.json else {
            printJSON(manifest)
            return 0
        }
        let terminal = Terminal(color: global.color)
        print(
            "\(terminal.done) app \"\(manifest.name)\" on \"\(manifest.parent?.name ?? "")\": "
                + "\(formatted(bytes: manifest.size)) in \(count(manifest.fileCount, "path")), "
                + "\(count(manifest.packages.count, "package")), \(manifest.digest.short)")
        return 0
    }
}
