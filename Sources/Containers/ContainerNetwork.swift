internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A container's network while it runs: its namespace, the host's end of its veth pair, rules, and files that tell it of both.
///
/// Interfaces vanish with the processes that hold the namespace, rules with this process; what else there is to undo is known to
/// a `NetworkKeeper` that outlives us. `remove()` is for those who want all of it gone before going on.
final class ContainerNetwork {
    /// nil: the host's own network.
    let namespace: NetworkNamespace?
    private(set) var hostInterface: String?
    private(set) var addresses: NetworkAddresses?
    /// Files for its /etc.
    private(set) var binds: [BindMount] = []
    private var removal: NetworkRemoval?
    private var keeper: NetworkKeeper?
    private var firewall: FirewallOwner?
    private var reservation: PortReservation?
    private let progress: any ProgressSink

    /// For `ChildProcess.Options.networkNamespace`; valid while this value lives.
    var namespaceDescriptor: FileDescriptor? {
        switch namespace {
        case .some(let namespace): namespace.descriptor
        case .none: nil
        }
    }

    /// Where ip(8) finds the namespace.
    private var namespacePath: String? {
        switch namespace {
        case .some(let namespace): namespace.path
        case .none: nil
        }
    }

    private init(_ namespace: consuming NetworkNamespace?, progress: any ProgressSink) {
        self.namespace = namespace
        self.progress = progress
    }

    /// Makes or opens the namespace and configures both ends, before anything runs in it.
    ///
    /// - Parameters:
    ///   - root: the container's mounted root, for the hosts file that it has.
    ///   - store: where the machine's directory is.
    /// - Throws: `.conflict` where addresses or ports collide with the host's, `.notFound` for an unknown namespace or interface.
    static func prepare(
        _ specification: ContainerSpecification, root: FilePath, store: MachineStore, progress: any ProgressSink
    ) throws -> ContainerNetwork {
        switch specification.network {
        case .host: return ContainerNetwork(nil, progress: progress)
        case .namespace(let name): return ContainerNetwork(try .named(name), progress: progress)
        case .private, .shared:
            let network = ContainerNetwork(try .make(), progress: progress)
            do {
                if specification.privateUsers { try network.openLowPorts() }
                try network.configure(specification, root: root, store: store)
            } catch {
                network.remove()
                throw error
            }
            return network
        }
    }

    /// The namespace is the host's users', who configure it; the container's root is not among them and would need their leave for
    /// ports below 1024. They are its alone, so anybody in it may use them.
    private func openLowPorts() throws {
        guard let namespaceDescriptor else { return }
        let output = try runProgram(
            ["sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start"], networkNamespace: namespaceDescriptor)
        guard output.status.succeeded else {
            throw ProvisionError(
                .failed, "cannot open the ports below 1024 to the container",
                causes: output.standardError.split(separator: "\n").map(String.init))
        }
    }

    private func configure(_ specification: ContainerSpecification, root: FilePath, store: MachineStore) throws {
        let settings = specification.networkSettings
        let interfaces = try settings.interfaces.map { try MovedInterface(named: $0) }
        guard let descriptor = namespaceDescriptor, let path = namespacePath else { return }
        var plan = NetworkPlan.isolated
        guard let process = ProcessStatus(of: getpid()) else {
            throw ProvisionError(.failed, "cannot read \"/proc/self/stat\"", hint: "mount /proc")
        }
        var removal = NetworkRemoval(
            state: store.directory.removingLastComponent().string, machine: specification.machine.text,
            process: HostForwarding.User(pid: getpid(), start: process.startTime))
        removal.interfaces = interfaces
        removal.usesForwarding = settings.needsLink
        let hasLink = specification.network != .private(nil) || settings.needsLink
        if hasLink { removal.hostInterface = NetworkPlan.hostInterface(for: specification.machine) }
        if case .shared(let name, _) = specification.network { removal.network = name }
        if removal.needsKeeper { keeper = try NetworkKeeper(removal, namespace: descriptor) }
        if let hostInterface = removal.hostInterface {
            // From the look at what is free to the interface that takes it, nobody else may do the same.
            try Files.makeDirectory(HostForwarding.directory)
            let lock = try FileLock.acquire(HostForwarding.directory.appending("addresses"), words: "\(specification.machine)")
            plan = try withExtendedLifetime(lock) {
                let host = try HostNetwork.current()
                try host.checkInterface(hostInterface)
                // Known to be ours from here on: before, it would have been somebody else's that is deleted.
                self.removal = removal
                let (addresses, bridge) = try link(
                    specification, host: host, root: root, store: store, process: removal.process)
                self.addresses = addresses
                let plan = NetworkPlan.veth(addresses, hostInterface: hostInterface, namespacePath: path, bridge: bridge)
                try NetworkPlan.execute(plan.hostCommands, in: nil)
                self.hostInterface = hostInterface
                try protect(
                    settings, interface: bridge ?? hostInterface, guest: addresses.guest, machine: specification.machine)
                if settings.needsLink {
                    try forward(
                        removal.process, families: Set(addresses.guest.map(\.family)),
                        table: FirewallTable.name(for: specification.machine))
                }
                return plan
            }
        }
        self.removal = removal
        for interface in interfaces {
            try NetworkPlan.execute(interface.hostCommands(namespacePath: path), in: nil)
            plan.guestCommands += interface.guestCommands
        }
        try NetworkPlan.execute(plan.guestCommands, in: descriptor)
        try bindResolver(settings, machine: specification.machine, store: store)
    }

    /// Addresses of both ends, and the bridge where it is a port of one; the names that it knows others by.
    private func link(
        _ specification: ContainerSpecification, host: HostNetwork, root: FilePath, store: MachineStore,
        process: HostForwarding.User
    ) throws -> (NetworkAddresses, bridge: String?) {
        let hosts = store.path(of: specification.machine).appending("hosts")
        let own = try GuestFiles.hosts(of: root)
        binds.append(BindMount(source: hosts, destination: "/etc/hosts", readOnly: true))
        if case .shared(let name, let wanted) = specification.network {
            // Its part about the members is written when it joins.
            try GuestFiles.overwrite(hosts, with: own)
            let store = NetworkStore(state: store.directory.removingLastComponent())
            let network = try store.join(name, machine: specification.machine, wanted: wanted, process: process)
            let guest = network.members.first { $0.machine == specification.machine.text }?.addresses ?? []
            return (try NetworkAddresses(guest: guest, host: network.gateways), network.bridge)
        }
        var addresses: NetworkAddresses
        if case .private(let given?) = specification.network {
            try host.check(given)
            addresses = given
        } else {
            // Nobody asked for certain ones: two of a network of four.
            let candidates = (0..<16384).lazy.map { "10.89.\($0 / 64).\($0 % 64 * 4)/30" }
            guard let free = host.free(of: candidates), let first = free.member(at: 1), let second = free.member(at: 2) else {
                throw ProvisionError(.conflict, "no network of 10.89.0.0/16 is free", hint: "give addresses with --address")
            }
            addresses = try NetworkAddresses(guest: [second], host: [first])
        }
        let entries =
            addresses.guest.map { (address: $0.address, name: specification.machine.text) }
            + addresses.host.map { (address: $0.address, name: GuestFiles.hostName) }
        try GuestFiles.overwrite(hosts, with: GuestFiles.hosts(own: own, entries: entries))
        return (addresses, nil)
    }

    private func protect(
        _ settings: NetworkSettings, interface: String, guest: [InterfaceAddress], machine: MachineName
    ) throws {
        guard settings.needsLink else { return }
        for publication in settings.publications {
            if let address = publication.address, !guest.contains(where: { $0.family == address.family }) {
                throw ProvisionError(
                    .usage, "cannot publish \(publication): the container has no address of that family",
                    hint: "give it one with --address and --host-address")
            }
        }
        reservation = try PortReservation(settings.publications, families: Set(guest.map(\.family)))
        if !settings.publications.isEmpty { try openLoopback(interface, families: Set(guest.map(\.family))) }
        firewall = try .make(
            FirewallTable(machine: machine, interface: interface, guest: guest, settings: settings))
    }

    /// Lets connections to the host's loopback leave by this interface and their answers come back by it. (The rules keep the
    /// container from using that the other way; of IPv6 the kernel itself does.)
    private func openLoopback(_ interface: String, families: Set<InterfaceAddress.Family>) throws {
        if families.contains(.ipv4) {
            let file = FilePath("/proc/sys/net/ipv4/conf").appending(interface).appending("route_localnet")
            let failure = ContainerCgroup.writeKernelFile("1", to: file)
            guard failure == 0 else { throw systemError("write", file, errno: failure) }
        }
        if families.contains(.ipv6) {
            // Routes to ::1 are looked up for one interface only, and there is none but lo's. Behind that one, and for each
            // interface a metric of its own: two of the same would replace each other. It goes with the interface.
            let metric = 2048 + if_nametoindex(interface)
            try NetworkPlan.execute(["route replace local ::1/128 dev \(interface) table local metric \(metric)"], in: nil)
        }
    }

    private func forward(_ user: HostForwarding.User, families: Set<InterfaceAddress.Family>, table: String) throws {
        if try HostForwarding.retain(user, for: families, table: table) {
            progress.detail("this host forwards packets while the machine runs")
        }
        if let table = try HostNetwork.tableThatDropsForwarded() {
            progress.warn(
                "the host's firewall drops forwarded packets unless its rules say otherwise (nftables table \"\(table)\")",
                hint: "allow it there: see docs/network.md")
        }
    }

    private func bindResolver(_ settings: NetworkSettings, machine: MachineName, store: MachineStore) throws {
        var servers = settings.nameServers
        if servers.isEmpty, settings.nat {
            servers = try GuestFiles.hostResolvers()
            if servers.isEmpty {
                progress.warn("the host names no name server that a container can ask", hint: "give one with --dns")
            }
        }
        guard !servers.isEmpty else { return }
        let file = store.path(of: machine).appending("resolv.conf")
        try GuestFiles.overwrite(file, with: GuestFiles.resolver(servers))
        binds.append(BindMount(source: file, destination: "/etc/resolv.conf", readOnly: true))
    }

    /// Undoes everything at once; the kernel or the keeper would do it a moment after our end.
    func remove() {
        firewall?.remove()
        firewall = nil
        reservation = nil
        if let removal, let descriptor = namespaceDescriptor {
            removal.run(in: descriptor) { error in
                progress.warn("the container's network left something behind: \(error)", hint: "provision gc removes it")
            }
        }
        removal = nil
        hostInterface = nil
        keeper?.dismiss()
        keeper = nil
    }
}
