internal import ArgumentParser
internal import Containers
internal import Provisioning

struct NetworkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network",
        abstract: "Networks that several machines share.",
        discussion: """
            `boot` and `run` with --network NAME make the network where there is none;
            its bridge is on the host while one of its machines runs.

            EXAMPLES
              provision boot web --network office --detach
              provision run base --network office -- ping -c 1 web
              provision network create lab --subnet 10.50.0.0/24 --subnet fd50::/64
              provision network rm office
            """,
        subcommands: [NetworkListCommand.self, NetworkCreateCommand.self, NetworkRemoveCommand.self],
        defaultSubcommand: NetworkListCommand.self)
}

/// One network in an answer.
private struct NetworkSummary: Encodable {
    struct Member: Encodable {
        var machine: String
        var addresses: [String]
        var running: Bool
    }

    var name: String
    var subnets: [String]
    var gateways: [String]
    /// The interface on the host, there while members run.
    var bridge: String
    var members: [Member]

    init(_ record: NetworkRecord) {
        name = record.name
        subnets = record.subnets
        gateways = record.gateways.map(\.address)
        bridge = record.bridge
        members = record.members.map { member in
            Member(machine: member.machine, addresses: member.addresses.map(\.address), running: member.isRunning)
        }
    }
}

/// A machine's own veth pair in an answer.
private struct PairSummary: Encodable {
    var machine: String
    /// The host's end.
    var interface: String
    var hostAddresses: [String]
    var subnets: [String]
    var addresses: [String]

    /// nil for a machine that has none, or doesn't run.
    init?(_ machine: Machine) {
        guard machine.condition == .running, let run = machine.record.run, run.network == "private",
            let interface = run.interface, let addresses = run.addresses
        else { return nil }
        self.machine = machine.record.name.text
        self.interface = interface
        hostAddresses = addresses.host.map(\.address)
        subnets = addresses.guest.map(\.network)
        self.addresses = addresses.guest.map(\.address)
    }
}

private struct NetworkListing: Encodable {
    var networks: [NetworkSummary]
    var pairs: [PairSummary]
}

struct NetworkListCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Networks and the machines in each, and machines with a veth pair of their own.",
        aliases: ["ls"])
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let networks = try NetworkStore(state: context.state).list().map(NetworkSummary.init)
        let pairs = try MachineStore(state: context.state).list().compactMap(PairSummary.init)
        guard !global.json else {
            printJSON(NetworkListing(networks: networks, pairs: pairs))
            return 0
        }
        guard !networks.isEmpty || !pairs.isEmpty else {
            print("no networks yet; boot or run with --network NAME makes one")
            return 0
        }
        var table = Table([("NETWORK", .left), ("SUBNET", .left), ("INTERFACE", .left), ("MACHINE", .left), ("ADDRESS", .left)])
        for network in networks {
            let members = network.members.filter(\.running).map { ($0.machine, $0.addresses.joined(separator: ", ")) }
            for (number, member) in (members.isEmpty ? [("", "")] : members).enumerated() {
                let own = number == 0 ? [network.name, network.subnets.joined(separator: ", "), network.bridge] : ["", "", ""]
                table.add(own + [member.0, member.1])
            }
        }
        for pair in pairs {
            table.add(
                [
                    "-", pair.subnets.joined(separator: ", "), pair.interface, pair.machine,
                    pair.addresses.joined(separator: ", "),
                ])
        }
        print(table.rendered { Terminal(color: global.color).styled($0, .bold) })
        return 0
    }
}

struct NetworkCreateCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a network, with addresses of your choice.",
        usage: "provision network create <name> [--subnet <cidr>] ... [<options>]")
    @Argument(help: "The network's name.") var name: String
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Its addresses, once for IPv4 and once for IPv6 (default: a free /24).", valueName: "cidr"))
    var subnet: [String] = []
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let network = NetworkSummary(try NetworkStore(state: context.state).create(name, subnets: subnet))
        if global.json {
            printJSON(network)
        } else {
            print("made network \"\(name)\": \(network.subnets.joined(separator: ", "))")
        }
        return 0
    }
}

struct NetworkRemoveCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove networks in which no machine runs.",
        usage: "provision network rm <name> ... [<options>]")
    @Argument(help: "Networks' names.") var names: [String] = []
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        if names.isEmpty { throw ValidationError("name what to remove") }
    }

    func execute(in context: Context) throws -> Int32 {
        for name in names { try NetworkStore(state: context.state).remove(name) }
        if global.json {
            printJSON(["removed": names])
        } else {
            for name in names { print("removed network \"\(name)\"") }
        }
        return 0
    }
}
