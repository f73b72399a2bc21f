internal import ArgumentParser
internal import Provisioning

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what a base or app call would install, and why; writes no layer.",
        discussion: """
            EXAMPLES
              provision plan base --group core
              provision plan app vsftpd --on base --json
              provision plan base --group core --why pam
            """,
        subcommands: [PlanBaseCommand.self, PlanAppCommand.self])
}

struct PlanBaseCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "base",
        abstract: "Show what the same base call would install.",
        discussion: """
            EXAMPLES
              provision plan base --group core
              provision plan base ftpserver vsftpd -c yum.conf
              provision plan base --group core --why pam-libs
            """)
    @Argument(help: ArgumentHelp("The layer's name, then packages or @groups.", valueName: "word"))
    var words: [String] = []
    @OptionGroup var why: WhyOptions
    @OptionGroup(title: "Build options") var build: BuildOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        try why.show(try Builder(context: context).plan(try build.baseRequest(words)), global: global)
        return 0
    }
}

struct PlanAppCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "app",
        abstract: "Show what the same app call would install.",
        discussion: """
            EXAMPLES
              provision plan app vsftpd --on base
              provision plan app bash --on base --enable-repo demo-updates
            """)
    @Argument(help: ArgumentHelp("Packages or @groups.", valueName: "package"))
    var packages: [String] = []
    @Option(help: ArgumentHelp("The layer that it stands on.", valueName: "layer"))
    var on: String
    @OptionGroup var why: WhyOptions
    @OptionGroup(title: "Build options") var build: BuildOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        try why.show(try Builder(context: context).plan(try build.appRequest(packages, on: on)), global: global)
        return 0
    }
}

struct WhyOptions: ParsableArguments {
    @Option(
        parsing: .singleValue, help: ArgumentHelp("Show only why this package is in it; may be repeated.", valueName: "package")
    )
    var why: [String] = []

    /// The plan, or the chains that lead to some of its packages.
    func show(_ plan: BuildAnswer, global: GlobalOptions) throws {
        guard !why.isEmpty else { return showPlan(plan, global: global) }
        let chains = try why.flatMap { try ReasonChain.chains(to: $0, in: plan) }
        if global.json { printJSON(["why": chains]) } else { showChains(chains, color: global.color) }
    }
}
