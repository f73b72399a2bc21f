internal import ArgumentParser
internal import Provisioning
internal import System
internal import SystemPackage

struct MountCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount a merged view on a directory, read-only unless --rw.",
        usage: "provision mount <layer> <directory> [--rw] [<options>]",
        discussion: """
            What is written under --rw goes to a place of its own and is thrown away
            by umount: layers never change.

            EXAMPLES
              provision mount vsftpd /mnt
              provision umount /mnt
            """)
    @Argument(help: "A layer's or machine's name, or a root directory (with a /).") var target: String
    @Argument(help: "An existing, empty directory.", completion: .directory) var directory: String
    @Flag(help: "Allow writing.") var rw = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let path = Files.absolute(FilePath(directory))
        try Inventory(context: context).mount(target, at: path, writable: rw)
        if global.json { printJSON(["target": target, "directory": path.string]) }
        return 0
    }
}

struct UnmountCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "umount",
        abstract: "Undo what mount did.",
        usage: "provision umount <directory> [<options>]",
        discussion: """
            EXAMPLES
              provision umount /mnt
            """)
    @Argument(help: "The directory.", completion: .directory) var directory: String
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let path = Files.absolute(FilePath(directory))
        try Inventory(context: context).unmount(path)
        if global.json { printJSON(["directory": path.string]) }
        return 0
    }
}
