internal import ArgumentParser
internal import Containers
internal import Glibc
internal import Provisioning

struct LogsCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show what a machine's console printed.",
        usage: "provision logs <name> [--follow] [<options>]",
        discussion: """
            Kept for machines that boot, also after their end; for run --detach as
            long as the machine is there. The newest 8 to 16 MB are kept.

            EXAMPLES
              provision logs vsftpd
              provision logs -f vsftpd
            """)
    @Argument(help: "A machine's name.") var name: String
    @Flag(name: .shortAndLong, help: "Go on while the machine runs.") var follow = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        try MachineStore(state: context.state).readLog(of: name, following: follow) { piece in
            var rest = piece
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                // Whoever read it has had enough.
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
        return 0
    }
}
