internal import ArgumentParser
internal import Provisioning
internal import System
internal import SystemPackage

struct ReleaseCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "The default release of this state; with a name, sets it.",
        usage: "provision release [<release>] [<options>]",
        discussion: """
            EXAMPLES
              provision release             the default, and what there is
              provision release demo        install demo from now on
            """)
    @Argument(help: "A release's id.") var release: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let releases = Releases(context: context)
        if let release { try releases.setDefault(release) }
        let chosen = try releases.defaultRelease()
        let all = try releases.all()
        guard !global.json else {
            printJSON(Listing(release: chosen, releases: all))
            return 0
        }
        if release != nil {
            print("the default release is now \(chosen)")
            return 0
        }
        let terminal = Terminal(color: global.color)
        var table = Table([("  RELEASE", .left), ("NAME", .left), ("ARCHITECTURES", .left), ("NOTE", .left)])
        for entry in all {
            table.add([
                (entry.id == chosen ? "* " : "  ") + entry.id, entry.name, entry.architectures.joined(separator: " "),
                entry.endOfLife.map { "end of life \($0)" } ?? "",
            ])
        }
        print(table.rendered { terminal.styled($0, .bold) })
        return 0
    }

    private struct Listing: Encodable {
        var release: String
        var releases: [ReleaseSummary]
    }
}

struct YumConfCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "yumconf",
        abstract: "Print the yum.conf that a build would use; -c accepts it back.",
        usage: "provision yumconf [--release <release>] [-c <yum.conf>] [<options>]",
        discussion: """
            EXAMPLES
              provision yumconf --release centos-stream-9 > yum.conf
              provision base --group core -c yum.conf
            """)
    @Option(help: "The release (default: the state's).") var release: String?
    @Option(name: .customShort("c"), help: ArgumentHelp("A yum.conf to read and print in full.", valueName: "yum.conf"))
    var yumConfiguration: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let text = try Releases(context: context).yumConfiguration(
            release: release, file: yumConfiguration.map { Files.absolute(FilePath($0)) })
        if global.json { printJSON(["yumConfiguration": text]) } else { print(text, terminator: "") }
        return 0
    }
}
