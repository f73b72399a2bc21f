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
    @Option(help: ArgumentHelp("Show only why this package is in it.", valueName: "package")) var why: String?
    @OptionGroup var command: BaseCommand
    var global: GlobalOptions { command.global }
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        try show(try Builder(context: context).plan(try command.request()), why: why, global: global)
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
    @Option(help: ArgumentHelp("Show only why this package is in it.", valueName: "package")) var why: String?
    @OptionGroup var command: AppCommand
    var global: GlobalOptions { command.global }
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        try show(try Builder(context: context).plan(try command.request()), why: why, global: global)
        return 0
    }
}

/// The plan, or the chain that leads to one of its packages.
private func show(_ plan: BuildAnswer, why package: String?, global: GlobalOptions) throws {
    guard let package else { return showPlan(plan, global: global) }
    let chains = try ReasonChain.chains(to: package, in: plan)
    if global.json { printJSON(["why": chains]) } else { showChains(chains, color: global.color) }
}
