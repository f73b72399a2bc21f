internal import Diagnostics
internal import System

/// What a container's network needs, as `ip -batch` lines for either side: planned first, executed in `ContainerNetwork`.
struct NetworkPlan: Equatable {
    /// The container's end of the veth pair.
    static let guestInterface = "host0"

    var hostInterface: String?
    /// Run in the host's network namespace.
    var hostCommands: [String] = []
    /// Run in the container's.
    var guestCommands: [String] = ["link set dev lo up"]

    /// A namespace with a loopback interface and nothing else.
    static let isolated = NetworkPlan()

    /// A veth pair with addresses. `namespacePath` is where ip(8) finds the container's namespace.
    ///
    /// IPv6 addresses skip duplicate detection: there is nobody else on a wire of two ends, and a server that binds at once
    /// would fail on a tentative address.
    static func veth(_ addresses: NetworkAddresses, hostInterface: String, namespacePath: String) -> NetworkPlan {
        var plan = NetworkPlan(hostInterface: hostInterface)
        plan.hostCommands = [
            "link add name \(hostInterface) type veth peer name \(guestInterface) netns \(namespacePath)"
        ]
        plan.hostCommands += addresses.host.map { addition(of: $0, to: hostInterface) }
        plan.hostCommands.append("link set dev \(hostInterface) up")
        plan.guestCommands += addresses.guest.map { addition(of: $0, to: guestInterface) }
        plan.guestCommands.append("link set dev \(guestInterface) up")
        plan.guestCommands += addresses.host.map { "route add default via \($0.address) dev \(guestInterface)" }
        return plan
    }

    private static func addition(of address: InterfaceAddress, to interface: String) -> String {
        switch address.family {
        case .ipv4: "address add \(address) broadcast + dev \(interface)"
        case .ipv6: "address add \(address) dev \(interface) nodad"
        }
    }

    /// The name of the host's end: `vp-` and the machine's name, or a part of it with a hash where that is too long.
    ///
    /// The kernel takes 15 characters; a dot or other sign would be taken for a path by sysctl(8).
    static func hostInterface(for machine: MachineName) -> String {
        let plain = machine.text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
        if plain, machine.text.count <= 12 { return "vp-" + machine.text }
        let stem = machine.text.filter { $0.isLetter || $0.isNumber }.prefix(7)
        return "vp-\(stem)-\(sha256(of: machine.text).hex.prefix(4))"
    }
}
