internal import Diagnostics
internal import Model
internal import System
internal import SystemPackage

/// What a container's network needs, as `ip -batch` lines for either side: planned first, executed in `ContainerNetwork`.
struct NetworkPlan: Equatable {
    /// The container's end of the veth pair.
    static let guestInterface = "host0"

    var hostInterface: String?
    /// Run in the host's network namespace.
    var hostCommands: [String] = []
    /// Run in the container's.
    var guestCommands: [String] = []

    /// A namespace as it is made: with a loopback interface and nothing else.
    static let isolated = NetworkPlan()

    /// A veth pair with addresses. `namespacePath` is where ip(8) finds the container's namespace; with a bridge, the host's
    /// end is a port of it, and the host's addresses are the bridge's.
    ///
    /// IPv6 addresses skip duplicate detection: there is nobody else on a wire of two ends, and a server that binds at once
    /// would fail on a tentative address.
    static func veth(
        _ addresses: NetworkAddresses, hostInterface: String, namespacePath: String, bridge: String? = nil
    ) -> NetworkPlan {
        var plan = NetworkPlan(hostInterface: hostInterface)
        plan.hostCommands = [
            "link add name \(hostInterface) type veth peer name \(guestInterface) netns \(namespacePath)"
        ]
        if let bridge {
            plan.hostCommands.append("link set dev \(hostInterface) master \(bridge)")
        } else {
            plan.hostCommands += addresses.host.map { addition(of: $0, to: hostInterface) }
        }
        plan.hostCommands.append("link set dev \(hostInterface) up")
        plan.guestCommands += addresses.guest.map { addition(of: $0, to: guestInterface) }
        plan.guestCommands.append("link set dev \(guestInterface) up")
        plan.guestCommands += addresses.host.map { "route add default via \($0.address) dev \(guestInterface)" }
        return plan
    }

    static func addition(of address: InterfaceAddress, to interface: String) -> String {
        switch address.family {
        case .ipv4: "address add \(address) broadcast + dev \(interface)"
        case .ipv6: "address add \(address) dev \(interface) nodad"
        }
    }

    /// Runs `ip -batch` lines in a network namespace; nil: the host's.
    static func execute(_ lines: [String], in namespace: FileDescriptor?) throws(ProvisionError) {
        guard !lines.isEmpty else { return }
        let output = try runProgram(
            ["ip", "-batch", "-"], input: Array(lines.map { $0 + "\n" }.joined().utf8), networkNamespace: namespace)
        guard output.status.succeeded else {
            let said = output.standardError.split(separator: "\n").map(String.init)
            throw ProvisionError(.failed, "cannot configure the container's network", causes: said)
        }
    }

    /// Already gone where the other end was deleted, with the namespace or by the guest: then there is nothing to report.
    static func deleteInterface(_ name: String) { _ = try? runProgram(["ip", "link", "delete", "dev", name]) }

    /// What our interfaces on the host begin with: machines' ends, and networks' bridges.
    static let prefixes = ["vp-", "vb-"]

    /// The name of the host's end: `vp-` and the machine's name, or a part of it with a hash where that is too long.
    static func hostInterface(for machine: MachineName) -> String { interface(prefixes[0], machine.text) }

    /// The name of a network's bridge, by the same rule: `vb-`.
    static func bridge(for network: String) -> String { interface(prefixes[1], network) }

    /// The kernel takes 15 characters; a dot or other sign would be taken for a path by sysctl(8).
    private static func interface(_ prefix: String, _ name: String) -> String {
        let plain = name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
        if plain, name.count <= 12 { return prefix + name }
        let stem = name.filter { $0.isLetter || $0.isNumber }.prefix(7)
        return "\(prefix)\(stem)-\(sha256(of: name).hex.prefix(4))"
    }
}
