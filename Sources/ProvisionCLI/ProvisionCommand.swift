internal import ArgumentParser
internal import Diagnostics
internal import Provisioning

/// What every command is beside ArgumentParser's: one that works in a context and answers with an exit status.
protocol ProvisionCommand: ParsableCommand {
    var global: GlobalOptions { get }
    /// Whether it mounts things that nobody else should see: it then runs in a mount namespace of its own.
    static var mountsPrivately: Bool { get }
    /// Whether somebody who isn't root may mount for it, in a user namespace.
    static var worksForUsers: Bool { get }
    /// The exit status for failures of provision itself, where the command passes another program's status through.
    static var ownFailureStatus: Int32? { get }
    func execute(in context: Context) throws -> Int32
}

extension ProvisionCommand {
    static var mountsPrivately: Bool { false }
    static var worksForUsers: Bool { false }
    static var ownFailureStatus: Int32? { nil }

    func run() throws { preconditionFailure("commands are started by Program") }
}

struct Provision: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provision",
        abstract: "Build, layer, ship and boot RPM-based root filesystems.",
        discussion: """
            A base holds an installed system, an app only what it adds to one.
            Layers never change once made; a machine is a writable place on top
            of a layer, where a container runs.

            EXAMPLES
              provision release demo               install the demo from now on
              provision base --group core          a core system, named "base"
              provision app vsftpd --on base       only what vsftpd adds to it
              provision boot vsftpd --address 10.0.0.2/24 --host-address 10.0.0.1/24
              provision run base -- rpm -qa        one command in a container
              provision pack vsftpd -o vsftpd.cpio.bz2
              provision plan app bash --on base    what that would do, and why
            """,
        version: Provisioning.version,
        groupedSubcommands: [
            CommandGroup(
                name: "Build",
                subcommands: [
                    BaseCommand.self, AppCommand.self, MinimalCommand.self, PlanCommand.self, LockCommand.self,
                ]),
            CommandGroup(
                name: "Run",
                subcommands: [
                    BootCommand.self, RunCommand.self, ExecCommand.self, CopyCommand.self, CommitCommand.self,
                    StopCommand.self, NetworkCommand.self,
                ]),
            CommandGroup(
                name: "Look",
                subcommands: [
                    ListCommand.self, LogsCommand.self, ShowCommand.self, TreeCommand.self, FilesCommand.self,
                    DiffCommand.self, VerifyCommand.self, MountCommand.self, UnmountCommand.self,
                ]),
            CommandGroup(
                name: "Find",
                subcommands: [ReposCommand.self, GroupsCommand.self, ModulesCommand.self, SearchCommand.self, InfoCommand.self]),
            CommandGroup(
                name: "Ship",
                subcommands: [
                    PackCommand.self, UnpackCommand.self, PushCommand.self, PullCommand.self, BillCommand.self,
                    ProvenanceCommand.self,
                    DeployCommand.self, ActivateCommand.self, RollbackCommand.self, ServicesCommand.self, ManifestCommand.self,
                ]),
            CommandGroup(name: "Remove", subcommands: [RemoveCommand.self, GarbageCommand.self]),
            CommandGroup(name: "Configure", subcommands: [ReleaseCommand.self, YumConfCommand.self, DoctorCommand.self]),
        ])
}
