internal import ArgumentParser
internal import Containers
internal import Diagnostics
internal import Glibc
internal import Provisioning

struct ExecCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run one more command in a machine that runs.",
        usage: "provision exec <machine> [<options>] -- <command> ...",
        discussion: """
            It becomes one of the machine's processes: in its namespaces, under its
            limits, with the capabilities and seccomp filters that they have. It gets
            a terminal where you have one. The status is its own; 125 says that
            provision itself failed.

            EXAMPLES
              provision exec vsftpd -- systemctl status
              provision exec vsftpd -- bash
              provision exec web --user apache --env LANG=C -- id
            """)
    @Argument(help: "A machine's name.") var machine: String
    @Argument(parsing: .postTerminator, help: ArgumentHelp("The command and its arguments, after --.", valueName: "command"))
    var command: [String] = []
    @Option(help: ArgumentHelp("Run as this user of the container: NAME or number, with :GROUP if wanted.", valueName: "name"))
    var user: String?
    @Option(parsing: .singleValue, help: ArgumentHelp("Set an environment variable.", valueName: "k=v"))
    var env: [String] = []
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let ownFailureStatus: Int32? = 125

    func validate() throws {
        if command.isEmpty { throw ValidationError("name a command after --, as in: provision exec \(machine) -- ps") }
        for entry in env where !entry.contains("=") || entry.hasPrefix("=") {
            throw ValidationError("--env takes KEY=VALUE, not \"\(entry)\"")
        }
    }

    func execute(in context: Context) throws -> Int32 {
        guard geteuid() == 0 else {
            throw ProvisionError(.unsupported, "joining a machine needs root", hint: "run it with sudo")
        }
        var request = MachineCommand(machine: machine, words: command)
        request.user = user
        for entry in env {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            request.environment[String(parts[0])] = String(parts[1])
        }
        request.terminal = ContainerSpecification.streamsAreTerminals
        return try ContainerEngine(state: context.state, progress: context.progress).execute(request)
    }
}
