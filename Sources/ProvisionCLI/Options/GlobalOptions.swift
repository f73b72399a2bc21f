internal import ArgumentParser
internal import Diagnostics
internal import Provisioning
internal import System

enum ProgressStyle: String, ExpressibleByArgument, CaseIterable {
    case tty, plain, json, none
}

enum ColorChoice: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never
}

/// The options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where layers, machines and staging live (env PROVISION_STATE; default /var/lib/provision).",
            valueName: "dir"),
        completion: .directory)
    var state: String?

    @Option(
        help: ArgumentHelp(
            "Where metadata and packages are kept; safe to delete (env PROVISION_CACHE; default /var/cache/provision).",
            valueName: "dir"),
        completion: .directory)
    var cache: String?

    @Option(
        help: ArgumentHelp(
            "A folder that holds config/ and repos/ (env PROVISION_CONFIG; default: the one the program was built in or installed with).",
            valueName: "dir"),
        completion: .directory)
    var config: String?

    @Flag(help: "Print one JSON document on standard output, nothing else there.")
    var json = false

    @Option(help: ArgumentHelp("How progress is shown on standard error.", valueName: "style"))
    var progress: ProgressStyle?

    @Flag(name: .shortAndLong, help: "Show nothing but warnings and errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Show details of what is done.")
    var verbose = false

    @Option(help: ArgumentHelp("When to use colour.", valueName: "when"))
    var color: ColorChoice = .auto

    mutating func validate() throws {
        for (option, value) in [("--state", state), ("--cache", cache), ("--config", config)] where value == "" {
            throw ValidationError("\(option) takes a directory, not an empty word")
        }
    }

    /// Everything a command needs of its surroundings.
    func context() throws -> Context {
        // As anywhere, a variable that is empty counts as one that is not set.
        func place(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
        return try Context(
            state: state ?? place("PROVISION_STATE"), cache: cache ?? place("PROVISION_CACHE"),
            config: config ?? place("PROVISION_CONFIG"), progress: progressSink())
    }

    /// `provision --json list` means `provision list --json`: global options that stand before the command are moved behind it.
    static func movedBehindCommand(_ arguments: [String]) -> [String] {
        let withValue: Set<String> = ["--state", "--cache", "--config", "--progress", "--color"]
        let flags: Set<String> = ["--json", "--quiet", "-q", "--verbose", "-v"]
        var moved: [String] = []
        var rest = arguments[...]
        while let word = rest.first {
            if flags.contains(word) || withValue.contains(where: { word.hasPrefix($0 + "=") }) {
                moved.append(rest.removeFirst())
            } else if withValue.contains(word), rest.count > 1 {
                moved += [rest.removeFirst(), rest.removeFirst()]
            } else {
                break
            }
        }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        return Array(rest[..<end]) + moved + rest[end...]
    }

    func progressSink() -> any ProgressSink {
        let terminal = Terminal(color: color)
        let style = progress ?? (terminal.isTerminal && !quiet ? .tty : .plain)
        switch style {
        case .tty: return TerminalProgress(terminal: terminal, verbose: verbose)
        case .plain: return PlainProgress(terminal: terminal, verbose: verbose, quiet: quiet)
        case .json: return JSONProgress()
        case .none: return SilentProgress()
        }
    }
}
