internal import ArgumentParser
internal import Containers
internal import Diagnostics
internal import Provisioning

/// The options of boot and run.
struct ContainerOptions: ParsableArguments {
    @Flag(help: "Throw away what the container changes.")
    var ephemeral = false

    @Option(help: ArgumentHelp("The machine's name (default: the layer's).", valueName: "name"))
    var machine: String?

    @Flag(help: "A network namespace of its own with nothing but lo (the default).")
    var privateNetwork = false

    @Flag(help: "The host's network.")
    var hostNetwork = false

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("The container's end of a veth pair; once for IPv4 and once for IPv6.", valueName: "cidr"))
    var address: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("The host's end of it.", valueName: "cidr"))
    var hostAddress: [String] = []

    @Option(help: ArgumentHelp("Be on a bridge with the other machines of this network.", valueName: "name"))
    var network: String?

    @Flag(help: "Let it reach what the host reaches, under the host's address.")
    var nat = false

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A name server for it (default with --nat: the host's).", valueName: "address"))
    var dns: [String] = []

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Let ports of the host lead into it.", valueName: "[addr:]host:container[/udp]"))
    var publish: [String] = []

    @Option(
        parsing: .singleValue, help: ArgumentHelp("Move an interface of the host in, and back afterwards.", valueName: "name"))
    var interface: [String] = []

    @Option(help: ArgumentHelp("Join a network namespace that `ip netns add` made.", valueName: "name"))
    var netns: String?

    @Option(help: ArgumentHelp("Memory that it may use, swap included, such as 512M.", valueName: "size"))
    var memory: String?

    @Option(help: ArgumentHelp("Processors that it may keep busy, such as 1.5.", valueName: "number"))
    var cpus: String?

    @Option(help: ArgumentHelp("Processes and threads that it may have.", valueName: "number"))
    var pids: Int?

    @Option(help: ArgumentHelp("Its share of the disks' time, 1 to 10000; others have 100.", valueName: "weight"))
    var ioWeight: Int?

    @Option(parsing: .singleValue, help: ArgumentHelp("Show a path of the host inside.", valueName: "src[:dst][:ro]"))
    var bind: [String] = []

    @Option(help: ArgumentHelp("Run as this user of the container.", valueName: "name"))
    var user: String?

    @Option(parsing: .singleValue, help: ArgumentHelp("Set an environment variable.", valueName: "k=v"))
    var env: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("Add or drop a capability.", valueName: "+x|-x"))
    var capability: [String] = []

    @Flag(help: "Give it users of its own: its root is nobody on the host.")
    var privateUsers = false

    @Option(help: ArgumentHelp("What makes the container: nspawn, or crun (run only; needs no root).", valueName: "name"))
    var engine = "nspawn"

    @Flag(help: "Let nothing be written to the root.")
    var readOnly = false

    @Option(help: ArgumentHelp("Stop it after so many seconds.", valueName: "seconds"))
    var timeout: Int?

    @Flag(help: "Leave it running in the background once it is up, and print its name.")
    var detach = false

    /// How --detach starts the process that stays; never typed by a person.
    @Flag(help: .hidden)
    var supervise = false

    mutating func validate() throws {
        let networks = [privateNetwork, hostNetwork, netns != nil, network != nil].filter { $0 }.count
        if networks > 1 { throw ValidationError("give one of --private-network, --host-network, --network and --netns") }
        if hostNetwork || netns != nil, nat || !dns.isEmpty || !publish.isEmpty || !interface.isEmpty {
            throw ValidationError("--nat, --dns, --publish and --interface need a network of the container's own")
        }
        do { for text in publish { _ = try Publication(text) } } catch {
            throw ValidationError("\(error.message); \(error.hint ?? "")")
        }
        if network != nil, !hostAddress.isEmpty { throw ValidationError("the host's address in a network is the network's") }
        if !address.isEmpty || !hostAddress.isEmpty {
            if hostNetwork || netns != nil {
                throw ValidationError("--address and --host-address make a private network; they don't go with another one")
            }
            if network == nil, address.isEmpty || hostAddress.isEmpty {
                throw ValidationError("--address and --host-address go together: one for each end of the veth pair")
            }
        }
        do { _ = try limits() } catch { throw ValidationError(error.hint.map { "\(error.message): \($0)" } ?? error.message) }
        if ContainerSpecification.Engine(rawValue: engine) == nil {
            throw ValidationError("--engine takes nspawn or crun, not \"\(engine)\"")
        }
        if let timeout, timeout < 1 { throw ValidationError("--timeout takes a number of seconds") }
        for capability in capability where !capability.hasPrefix("+") && !capability.hasPrefix("-") {
            throw ValidationError("--capability takes +NAME or -NAME, not \"\(capability)\"")
        }
        for entry in env where !entry.contains("=") || entry.hasPrefix("=") {
            throw ValidationError("--env takes KEY=VALUE, not \"\(entry)\"")
        }
    }

    private func limits() throws(ProvisionError) -> ResourceLimits {
        try ResourceLimits(memory: memory, cpus: cpus, pids: pids, ioWeight: ioWeight)
    }

    func request(_ target: String, mode: ContainerRequest.Mode) throws -> ContainerRequest {
        var request = ContainerRequest(target: target, mode: mode)
        request.ephemeral = ephemeral
        request.machine = machine
        request.hostNetwork = hostNetwork
        request.addresses = address
        request.hostAddresses = hostAddress
        request.networkNamespace = netns
        request.sharedNetwork = network
        request.nat = nat
        request.nameServers = dns
        request.publications = publish
        request.interfaces = interface
        request.limits = try limits()
        request.binds = bind
        request.user = user
        request.environment = env
        request.capabilities = capability
        request.readOnly = readOnly
        request.privateUsers = privateUsers
        request.engine = ContainerSpecification.Engine(rawValue: engine) ?? .nspawn
        request.timeout = timeout
        return request
    }
}
