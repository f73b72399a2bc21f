internal import ArgumentParser
internal import Diagnostics
internal import Provisioning
internal import System
internal import SystemPackage

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

    func execute(in context: Context) throws -> Int32 {
        show(try Builder(context: context).build(try build.baseRequest(words)), global: global)
        return 0
    }
}

struct AppCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "app",
        abstract: "Make an app layer: only what its packages add to another layer.",
        discussion: """
            Release and repositories are those that the parent was made with, unless
            given. The name defaults to the first package's. With --each there is a
            layer for every word, and with --from-file for every line of a file: made
            with one load of metadata, one queue of downloads, and all processors.

            EXAMPLES
              provision app vsftpd --on base
              provision app @ftp-server --on base --name ftp
              provision app vsftpd nginx openssh-server --on base --each
              provision app --from-file apps.txt --on base
              provision app vsftpd --on base --enable-repo demo-updates --fresh
            """)

    @Argument(help: ArgumentHelp("Packages or @groups.", valueName: "package"))
    var packages: [String] = []
    @Option(help: ArgumentHelp("The layer that it stands on.", valueName: "layer"))
    var on: String
    @Flag(help: "Make a layer for each word, named after it.")
    var each = false
    @Option(
        help: ArgumentHelp(
            "Make a layer for each line of a file: its packages, the first of which names it. # begins a comment.",
            valueName: "file"), completion: .file())
    var fromFile: String?
    @OptionGroup(title: "Build options") var build: BuildOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    static let mountsPrivately = true

    func validate() throws {
        if packages.isEmpty && build.group.isEmpty && build.locked == nil && fromFile == nil {
            throw ValidationError("name at least one package or --group")
        }
        if fromFile != nil && !(packages.isEmpty && build.group.isEmpty) {
            throw ValidationError("with --from-file all packages stand in the file")
        }
        if isSeveral && (build.name != nil || build.locked != nil) {
            throw ValidationError("--name and --locked are for one layer, not for --each or --from-file")
        }
        if each && !build.group.isEmpty {
            throw ValidationError("with --each groups are words too: @ID instead of --group ID")
        }
    }

    private var isSeveral: Bool { each || fromFile != nil }

    /// One request for each word or line.
    private func requests() throws -> [BuildRequest] {
        try (try fromFile.map(lines) ?? packages.map { [$0] }).map { try build.appRequest($0, on: on) }
    }

    /// The words of each line that has any.
    private func lines(of file: String) throws -> [[String]] {
        let text = try Files.readText(FilePath(file), limit: 1 << 20)
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
        }.filter { !$0.isEmpty }
        guard !lines.isEmpty else { throw ProvisionError(.usage, "\"\(file)\" names no package") }
        return lines
    }

    func execute(in context: Context) throws -> Int32 {
        if isSeveral {
            show(try Builder(context: context).build(each: try requests()), global: global)
            return 0
        }
        show(try Builder(context: context).build(try build.appRequest(packages, on: on)), global: global)
        return 0
    }
}
