internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Layers
internal import System
public import SystemPackage

/// The networks of a state directory. A network's bridge is on the host while a machine of it runs, and only then.
public struct NetworkStore: Sendable {
    private let directory: FilePath
    private let machines: FilePath

    public init(state: FilePath) {
        directory = state.appending("networks")
        machines = state.appending("machines")
    }

    public func list() throws -> [NetworkRecord] {
        try Files.names(in: directory).filter { $0.hasSuffix(".json") }.compactMap { try record(String($0.dropLast(5))) }
    }

    /// Makes a network of the given subnets, one a family at most; with none, of the first private /24 that nothing here uses.
    ///
    /// - Throws: `.usage` for what can't be a subnet, `.conflict` where there is one of that name or the host uses the addresses.
    @discardableResult
    public func create(_ name: String, subnets: [String] = []) throws -> NetworkRecord {
        try withLock {
            guard try record(name) == nil else {
                throw ProvisionError(.conflict, "there is a network \"\(name)\" already", hint: "see provision network list")
            }
            return try make(name, subnets: subnets)
        }
    }

    /// - Throws: `.notFound` with the nearest name, `.conflict` while a machine of it runs.
    public func remove(_ name: String) throws {
        try withLock {
            let network = try network(named: name)
            let running = network.members.filter(\.isRunning).map(\.machine)
            guard running.isEmpty else {
                throw ProvisionError(
                    .conflict, "machines run in the network \"\(name)\": \(running.joined(separator: ", "))",
                    hint: "stop them: provision stop \(running.joined(separator: " "))")
            }
            NetworkPlan.deleteInterface(network.bridge)
            try Files.remove(file(name))
        }
    }

    /// Removes what dead processes left: bridges without members, names of dead members in the others' hosts files.
    public func sweep() throws {
        guard Files.isDirectory(directory) else { return }
        try withLock {
            for network in try list() where network.members.contains(where: { $0.process != nil && !$0.isRunning }) {
                try settle(network)
            }
        }
    }

    // MARK: - For the engine

    /// Takes a machine into a network, which is made where there is none: its addresses, and the bridge that is there now.
    ///
    /// - Throws: `.conflict` where a wanted address is in use, or all are.
    func join(
        _ name: String, machine: MachineName, wanted: [InterfaceAddress], process: HostForwarding.User
    ) throws -> NetworkRecord {
        try withLock {
            var network = try record(name) ?? make(name, subnets: [])
            for address in wanted where !network.gateways.contains(where: { $0.sharesNetwork(with: address) }) {
                throw ProvisionError(
                    .conflict, "\"\(address)\" is not in the network \"\(name)\" of \(network.subnets.joined(separator: ", "))")
            }
            guard let addresses = network.addresses(for: machine.text, wanted: wanted) else {
                throw ProvisionError(
                    .conflict,
                    wanted.isEmpty
                        ? "every address of the network \"\(name)\" is in use"
                        : "an address of \(wanted.map(\.description).joined(separator: ", ")) is in use in the network \"\(name)\"",
                    hint: "see provision network list")
            }
            try ensureBridge(network)
            network.members.removeAll { member in
                member.machine == machine.text
                    || (!member.isRunning && !member.addresses.allSatisfy { !addresses.contains($0) })
            }
            network.members.append(NetworkRecord.Member(machine: machine.text, addresses: addresses, process: process))
            try settle(network)
            return network
        }
    }

    /// Lets a machine go; the last one takes the bridge along. One that isn't a member is fine.
    func leave(_ name: String, machine: String, process: HostForwarding.User) throws {
        try withLock {
            guard var network = try record(name),
                let index = network.members.firstIndex(where: { $0.machine == machine && $0.process == process })
            else { return }
            network.members[index].process = nil
            try settle(network)
        }
    }

    // MARK: - Under the lock

    private func withLock<Result>(_ body: () throws -> Result) throws -> Result {
        try Files.makeDirectory(directory)
        let lock = try FileLock.acquire(directory.appending("lock"), words: "network")
        return try withExtendedLifetime(lock) { try body() }
    }

    private static func check(_ name: String) throws(ProvisionError) {
        guard LayerName.isValid(name) else {
            throw ProvisionError(
                .usage, "\"\(name)\" can't be a network's name",
                hint: "use letters, digits, dots, underscores and hyphens, at most 64, the first a letter or a digit")
        }
    }

    private func file(_ name: String) -> FilePath { directory.appending(name + ".json") }

    private func record(_ name: String) throws -> NetworkRecord? {
        try NetworkStore.check(name)
        let file = file(name)
        guard let bytes = try Files.readIfPresent(file) else { return nil }
        do { return try JSONDecoder().decode(NetworkRecord.self, from: Data(bytes)) } catch {
            throw ProvisionError(.failed, "cannot read \"\(file)\": it is damaged", causes: ["\(error)"])
        }
    }

    private func network(named name: String) throws -> NetworkRecord {
        if let record = try record(name) { return record }
        let near = nearest(to: name, in: try list().map(\.name))
        throw ProvisionError(.notFound, "there is no network \"\(name)\"", hint: near.map { "did you mean \"\($0)\"?" })
    }

    private func make(_ name: String, subnets: [String]) throws -> NetworkRecord {
        try NetworkStore.check(name)
        let others = try list().flatMap(\.gateways)
        let host = try HostNetwork.current()
        var networks: [InterfaceAddress] = []
        for subnet in subnets {
            guard let network = InterfaceAddress(network: subnet), subnet.contains("/"), network.network == network.description,
                network.member(at: 2) != nil
            else {
                throw ProvisionError(
                    .usage, "\"\(subnet)\" is not a network with room for machines",
                    hint: "write it as 10.88.0.0/24 or fd88::/64")
            }
            guard host.free(of: [subnet], beside: others) != nil else {
                throw ProvisionError(.conflict, "this host, or another network of provision, uses addresses of \"\(subnet)\"")
            }
            networks.append(network)
        }
        guard Set(networks.map(\.family)).count == networks.count else {
            throw ProvisionError(.usage, "more than one subnet of a family", hint: "one of IPv4 and one of IPv6 at most")
        }
        if networks.isEmpty {
            guard let free = host.free(of: (0...255).map { "10.88.\($0).0/24" }, beside: others) else {
                throw ProvisionError(.conflict, "no network of 10.88.0.0/16 is free", hint: "give one with --subnet")
            }
            networks = [free]
        }
        let record = NetworkRecord(name: name, gateways: networks.compactMap { $0.member(at: 1) }, created: Int64(time(nil)))
        try write(record)
        return record
    }

    private func write(_ record: NetworkRecord) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try Files.write(Array(encoder.encode(record)) + [10], to: file(record.name))
    }

    private func ensureBridge(_ network: NetworkRecord) throws {
        let host = try HostNetwork.current()
        if host.interfaces.contains(network.bridge) {
            // Left by killed ones, or in use: its address tells whether it is ours.
            guard Set(network.gateways).isSubset(of: host.addresses.filter { $0.interface == network.bridge }.map(\.address))
            else {
                throw ProvisionError(
                    .conflict, "the host has an interface \"\(network.bridge)\" that is not of the network \"\(network.name)\"")
            }
            return
        }
        guard host.free(of: network.subnets) != nil else {
            throw ProvisionError(
                .conflict,
                "this host now uses addresses of the network \"\(network.name)\" (\(network.subnets.joined(separator: ", ")))",
                hint: "remove it and make it anew: provision network rm \(network.name)")
        }
        do {
            try NetworkPlan.execute(
                ["link add name \(network.bridge) type bridge"]
                    + network.gateways.map { NetworkPlan.addition(of: $0, to: network.bridge) }
                    + ["link set dev \(network.bridge) up"], in: nil)
        } catch {
            NetworkPlan.deleteInterface(network.bridge)
            throw error
        }
    }

    /// Writes the record, forgets who is gone, tells every running member of the others, and takes an empty bridge away.
    private func settle(_ network: NetworkRecord) throws {
        var network = network
        for index in network.members.indices where !network.members[index].isRunning { network.members[index].process = nil }
        // What kept nothing comes back under no name: its address is free.
        network.members.removeAll { !$0.isRunning && !Files.isDirectory(machines.appending($0.machine)) }
        try write(network)
        let running = network.members.filter(\.isRunning)
        if running.isEmpty { NetworkPlan.deleteInterface(network.bridge) }
        let entries =
            running.flatMap { member in member.addresses.map { (address: $0.address, name: member.machine) } }
            + network.gateways.map { (address: $0.address, name: GuestFiles.hostName) }
        for member in running {
            let file = machines.appending(member.machine).appending("hosts")
            guard let bytes = try Files.readIfPresent(file) else { continue }
            try GuestFiles.overwrite(
                file, with: GuestFiles.hosts(own: String(decoding: bytes, as: UTF8.self), entries: entries))
        }
    }
}
