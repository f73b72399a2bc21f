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
            """)
    @OptionGroup var command: BaseCommand
    var global: GlobalOptions { command.global }
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        showPlan(try Builder(context: context).plan(try command.request()), global: global)
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
    @OptionGroup var command: AppCommand
    var global: GlobalOptions { command.global }
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        showPlan(try Builder(context: context).plan(try command.request()), global: global)
        return 0
    }
}
