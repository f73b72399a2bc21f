internal import ArgumentParser
internal import Diagnostics
internal import Model
internal import Provisioning
internal import SystemPackage

/// How another host is reached.
struct RemoteOptions: ParsableArguments {
    @Option(help: ArgumentHelp("ssh with its own options, as in \"ssh -p 2222\" (env PROVISION_SSH).", valueName: "command"))
    var ssh: String?

    @Option(help: ArgumentHelp("How provision is called there, as in \"sudo provision\".", valueName: "command"))
    var remote = "provision"

    func host(_ destination: String) -> Deployer.Remote {
        func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
        return Deployer.Remote(
            destination: destination, ssh: words(ssh ?? environment("PROVISION_SSH") ?? "ssh"), program: words(remote))
    }
}

struct DeployCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy",
        abstract: "Bring an app to another host over ssh and let it serve there.",
        usage: "provision deploy <layer> <user@host> [<options>] [-- <start options>]",
        discussion: """
            Only what the host lacks is sent: the base once, then app versions. The
            host stops the machine of the old version and starts one of the new; if
            that doesn't come up, the old one serves again. Behind -- stands how the
            machine is started: options of boot, or options of run, -- and a command.
            Without it the machine is started as the version before.

            EXAMPLES
              provision deploy vsftpd root@server -- \\
                --address 10.0.0.2/24 --host-address 10.0.0.1/24
              provision deploy web admin@server --remote "sudo provision" \\
                -- --host-network -- /usr/sbin/httpd -DFOREGROUND
              provision rollback vsftpd root@server
            """)
    @Argument(help: "A layer's name.") var layer: String
    @Argument(help: ArgumentHelp("Where to, as ssh takes it.", valueName: "user@host")) var destination: String
    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("How its machine is started.", valueName: "words"))
    var words: [String] = []
    @Option(help: ArgumentHelp("The service's name there (default: the layer's).", valueName: "name")) var service: String?
    @Option(help: ArgumentHelp("How many versions the host keeps for rollback.", valueName: "n")) var keep = 3
    @OptionGroup(title: "Remote options") var remote: RemoteOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        if keep < 1 { throw ValidationError("--keep takes a number of versions, at least 1") }
        try checkServiceWords(words, layer: layer)
    }

    func execute(in context: Context) throws -> Int32 {
        let answer = try Deployer(context: context).deploy(
            layer, to: remote.host(destination), service: service, words: words.isEmpty ? nil : words, keep: keep)
        if global.json {
            printJSON(answer)
            return 0
        }
        for sent in answer.sent {
            print(
                "sent layer \"\(sent.layer)\"\(sent.name == sent.layer ? "" : " as \"\(sent.name)\""): \(formatted(bytes: sent.bytes))"
            )
        }
        if answer.sent.isEmpty { print("\"\(answer.host)\" had every layer already") }
        print(report(answer.activation))
        return 0
    }
}

struct ActivateCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "activate",
        abstract: "Let a layer serve on this host, in place of the version before.",
        usage: "provision activate <service> <layer> [<options>] [-- <start options>]",
        discussion: """
            What deploy calls on the other host. Each version runs in a machine of
            its own, SERVICE-N; what must outlive versions is bound in with --bind.

            EXAMPLES
              provision activate ftp vsftpd -- \\
                --address 10.0.0.2/24 --host-address 10.0.0.1/24
              provision activate job worker -- -- /usr/bin/worker --loop
            """)
    @Argument(help: "The service's name.") var service: String
    @Argument(help: "A layer's name.") var layer: String
    @Argument(parsing: .postTerminator, help: ArgumentHelp("How its machine is started.", valueName: "words"))
    var startWords: [String] = []
    @Option(help: ArgumentHelp("How many versions are kept for rollback.", valueName: "n")) var keep = 3
    /// The layer came with the deployment and goes with its version.
    @Flag(help: .hidden) var shipped = false
    /// The words as a JSON array, which no shell on the way takes apart.
    @Option(help: .hidden) var words: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func validate() throws {
        if keep < 1 { throw ValidationError("--keep takes a number of versions, at least 1") }
        try checkServiceWords(startWords, layer: layer)
    }

    func execute(in context: Context) throws -> Int32 {
        var given = startWords.isEmpty ? nil : startWords
        if let words {
            given = try Provisioning.words(ofDocument: words)
            try checkServiceWords(given ?? [], layer: layer)
        }
        let answer = try serviceHost(context).activate(service, layer: layer, words: given, keep: keep, shipped: shipped)
        if global.json { printJSON(answer) } else { print(report(answer)) }
        return 0
    }
}

struct RollbackCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Let an earlier version of a service serve again, here or on another host.",
        usage: "provision rollback <service> [<user@host>] [--to <version>] [<options>]",
        discussion: """
            EXAMPLES
              provision rollback vsftpd root@server
              provision rollback vsftpd --to 3
            """)
    @Argument(help: "The service's name.") var service: String
    @Argument(help: ArgumentHelp("Where, as ssh takes it (default: this host).", valueName: "user@host"))
    var destination: String?
    @Option(help: ArgumentHelp("The version's number (default: the one before).", valueName: "version")) var to: Int?
    @OptionGroup(title: "Remote options") var remote: RemoteOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        let answer =
            if let destination {
                try Deployer(context: context).rollback(service, to: to, on: remote.host(destination))
            } else {
                try serviceHost(context).rollback(service, to: to)
            }
        if global.json { printJSON(answer) } else { print(report(answer)) }
        return 0
    }
}

struct ServicesCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "services",
        abstract: "The services of this host, and the versions kept of each.",
        usage: "provision services [<options>]",
        discussion: """
            EXAMPLES
              provision services
            """)
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let services = try serviceHost(context).list()
        guard !global.json else {
            printJSON(services)
            return 0
        }
        let terminal = Terminal(color: global.color)
        var table = Table([
            ("Service", .left), ("Version", .right), ("Layer", .left), ("Machine", .left), ("State", .left), ("", .left),
        ])
        for service in services {
            for version in service.versions {
                table.add([
                    service.name, String(version.number), version.layer, version.machine, version.state,
                    version.current ? "serves" : "",
                ])
            }
            if let cut = service.switching {
                table.add([service.name, String(cut), "", "", "", "a switch to it was cut off: activate or deploy it again"])
            }
        }
        print(services.isEmpty ? "no services" : table.rendered { terminal.styled($0, .bold) })
        return 0
    }
}

/// Machines of services are started by the program itself, as `boot --detach` and `run --detach` do it.
private func serviceHost(_ context: Context) -> ServiceHost {
    ServiceHost(context: context) { layer, machine, words in
        let (verb, options, command) = parts(of: words)
        _ = try startDetached(
            [
                verb, layer, "--machine", machine, "--state", context.state.string, "--cache", context.cache.string,
                "--config", context.config.string,
            ] + options + ["--supervise"] + command)
    }
}

/// `boot` with options, or `run` with options and a command, which begins with its `--`.
private func parts(of words: [String]) -> (verb: String, options: [String], command: [String]) {
    let end = words.firstIndex(of: "--") ?? words.endIndex
    return (end == words.endIndex ? "boot" : "run", Array(words[..<end]), Array(words[end...]))
}

/// Whether words can stand behind the target of boot or run: said before anything is sent or stopped.
private func checkServiceWords(_ words: [String], layer: String) throws {
    let (verb, options, command) = parts(of: words)
    let own = options.first { ["--machine", "--detach", "--supervise"].contains($0) || $0.hasPrefix("--machine=") }
    if let own { throw ValidationError("\(own) is for activate itself to say, not behind --") }
    if verb == "boot" {
        _ = try BootCommand.parse([layer] + options)
    } else {
        _ = try RunCommand.parse([layer] + options + command)
    }
}

private func report(_ answer: ServiceAnswer) -> String {
    let what = "version \(answer.version) of \"\(answer.service)\" (layer \"\(answer.layer)\", machine \"\(answer.machine)\")"
    if !answer.changed { return "\(what) serves already" }
    let instead = answer.previous.map { $0 == answer.version ? "" : " in place of version \($0)" } ?? ""
    return "\(what) serves\(instead)" + (answer.removed.isEmpty ? "" : "; removed \(answer.removed.joined(separator: ", "))")
}
