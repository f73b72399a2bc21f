internal import ArgumentParser
internal import Diagnostics
internal import Glibc
internal import Provisioning
internal import System

/// The program: parses, runs one command, turns every error into a message and the promised exit status.
public enum Program {
    public static func main() -> Never {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let status = HiddenStage.run(arguments) { exit(status) }
        exit(run(arguments))
    }

    private static func run(_ arguments: [String]) -> Int32 {
        let arguments = GlobalOptions.movedBehindCommand(arguments)
        var command: any ParsableCommand
        do {
            try refuseUnknownCommand(arguments.first)
            command = try Provision.parseAsRoot(arguments)
        } catch {
            return explainParsing(error, json: arguments.contains("--json"))
        }
        guard let command = command as? any ProvisionCommand else {
            do {
                try command.run()
                return 0
            } catch {
                return explainParsing(error, json: false)
            }
        }
        return perform(command)
    }

    private static func perform(_ command: some ProvisionCommand) -> Int32 {
        let terminal = Terminal(color: command.global.color)
        Interruption.install()
        do {
            // Before anything starts a thread: a mount namespace belongs to one.
            if type(of: command).mountsPrivately { try PrivateMounts.enter(asUser: type(of: command).worksForUsers) }
            let context = try command.global.context()
            defer { (context.progress as? TerminalProgress)?.clear() }
            return try command.execute(in: context)
        } catch {
            let known = error as? ProvisionError ?? ProvisionError(.failed, "\(error)")
            if command.global.json {
                printJSON(["error": known])
            } else {
                writeError(rendered(known, on: terminal))
            }
            if known.code == .interrupted { return known.exitStatus }
            return type(of: command).ownFailureStatus ?? known.exitStatus
        }
    }

    /// ArgumentParser would call a misspelt command an unexpected argument.
    private static func refuseUnknownCommand(_ word: String?) throws {
        guard let word, !word.hasPrefix("-") else { return }
        let known = Provision.configuration.subcommands.flatMap { command in
            [command.configuration.commandName ?? command._commandName] + command.configuration.aliases
        }
        guard word != "help", !known.contains(word) else { return }
        let near = nearest(to: word, in: known).map { ". Did you mean '\($0)'?" } ?? ""
        throw ValidationError("Unknown command '\(word)'\(near)")
    }

    /// ArgumentParser's own messages: help and version on standard output with 0, wrong usage with 2.
    private static func explainParsing(_ error: any Error, json: Bool) -> Int32 {
        let text = Provision.fullMessage(for: error)
        guard Provision.exitCode(for: error) != .success else {
            print(text)
            return 0
        }
        if json {
            printJSON(["error": ProvisionError(.usage, Provision.message(for: error))])
        } else {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let terminal = Terminal(color: .auto)
            for line in lines {
                if line.hasPrefix("Error: ") {
                    writeError(terminal.styled("error:", .red) + " " + line.dropFirst(7) + "\n")
                } else {
                    writeError(line + "\n")
                }
            }
        }
        return 2
    }

    /// Fact, causes below it, remedy last.
    static func rendered(_ error: ProvisionError, on terminal: Terminal) -> String {
        var text = terminal.styled("error:", .red) + " " + error.message + "\n"
        for cause in error.causes { text += "  - " + cause + "\n" }
        if let hint = error.hint { text += terminal.styled("hint:", .cyan) + " " + hint + "\n" }
        return text
    }
}
