internal import ArgumentParser
internal import Diagnostics
internal import Provisioning

struct BaseCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "base",
        abstract: "Make a base layer: an installed system with no parent.",
        discussion: """
            The first word is the layer's name (default "base"), the rest are
            packages or @groups; with --name every word is a package. With nothing
            asked for, the release's base set is installed. The same request again
            reuses the layer that is there.

            EXAMPLES
              provision base --group core
              provision base centos-rootfs --group core --root-password-file secret
              provision base ftpserver vsftpd -c yum.conf
              provision base --name tools bash coreutils --no-docs --langs en
              provision base web --locked web.lock
            """)

    @Argument(help: ArgumentHelp("The layer's name, then packages or @groups.", valueName: "word"))
    var words: [String] = []
    @OptionGroup(title: "Build options") var build: BuildOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    static let mountsPrivately = true

    func request() throws -> BuildRequest { try build.baseRequest(words) }

    func execute(in context: Context) throws -> Int32 {
        show(try Builder(context: context).build(try request()), json: global.json)
        return 0
    }
}

struct AppCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "app",
        abstract: "Make an app layer: only what its packages add to another layer.",
        discussion: """
            Release and repositories are those that the parent was made with, unless
            given. The name defaults to the first package's.

            EXAMPLES
              provision app vsftpd --on base
              provision app @ftp-server --on base --name ftp
              provision app vsftpd --on base --enable-repo demo-updates --fresh
            """)

    @Argument(help: ArgumentHelp("Packages or @groups.", valueName: "package"))
    var packages: [String] = []
    @Option(help: ArgumentHelp("The layer that it stands on.", valueName: "layer"))
    var on: String
    @OptionGroup(title: "Build options") var build: BuildOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    static let mountsPrivately = true

    func validate() throws {
        if packages.isEmpty && build.group.isEmpty && build.locked == nil {
            throw ValidationError("name at least one package or --group")
        }
    }

    func request() throws -> BuildRequest { try build.appRequest(packages, on: on) }

    func execute(in context: Context) throws -> Int32 {
        show(try Builder(context: context).build(try request()), json: global.json)
        return 0
    }
}
