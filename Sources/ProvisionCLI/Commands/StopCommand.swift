internal import ArgumentParser
internal import Containers
internal import Provisioning

struct StopCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Shut running machines down.",
        usage: "provision stop <name> ... [--timeout <seconds>] [--force] [<options>]",
        discussion: """
            Each is shut down in order, as by SIGTERM to the provision that runs it.
            With --force, one that runs on when the time is over is killed; with
            --timeout 0 as well, all are killed at once.

            EXAMPLES
              provision stop vsftpd
              provision stop web database --timeout 10 --force
            """)
    @Argument(help: "Machines' names.") var names: [String] = []
    @Option(help: ArgumentHelp("How long to wait for all of them.", valueName: "seconds")) var timeout = 60
    @Flag(help: "Kill what runs on after that.") var force = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        if names.isEmpty { throw ValidationError("name what to stop") }
        if timeout < 0 { throw ValidationError("--timeout takes a number of seconds") }
    }

    func execute(in context: Context) throws -> Int32 {
        let stops = try MachineStore(state: context.state).stop(names, timeout: timeout, force: force)
        if global.json {
            printJSON(["stopped": stops.map { ["name": $0.name, "how": $0.stop.rawValue] }])
        } else {
            for (name, stop) in stops { print("\(stop == .clean ? "stopped" : "killed") machine \"\(name)\"") }
        }
        return 0
    }
}
