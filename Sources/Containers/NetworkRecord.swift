/// A network that several machines share, as its file in the state says: `networks/NAME.json`.
public struct NetworkRecord: Codable, Sendable, Equatable {
    /// An address that a machine has, or had and shall have again.
    public struct Member: Codable, Sendable, Equatable {
        public var machine: String
        public var addresses: [InterfaceAddress]
        /// The provision process that runs it; nil where it doesn't run.
        var process: HostForwarding.User?

        /// As the kernel has it.
        public var isRunning: Bool { process?.isAlive ?? false }
    }

    /// Format version of this file.
    public var schema = 1
    public var name: String
    /// The bridge's own addresses, one of a family: the members' gateways.
    public var gateways: [InterfaceAddress]
    public var members: [Member] = []
    /// Seconds since 1970.
    public var created: Int64

    /// The interface on the host, while members run.
    public var bridge: String { NetworkPlan.bridge(for: name) }
    /// As `10.88.0.0/24`.
    public var subnets: [String] { gateways.map(\.network) }

    /// Addresses for a machine, one a family: those it had before, the wanted ones, or the lowest that are free.
    ///
    /// Of members that don't run, addresses are kept while there are others; nil where all are in use.
    func addresses(for machine: String, wanted: [InterfaceAddress]) -> [InterfaceAddress]? {
        let others = members.filter { $0.machine != machine }
        let running = Set(others.filter(\.isRunning).flatMap(\.addresses) + gateways)
        let reserved = Set(others.flatMap(\.addresses))
        let before = members.first { $0.machine == machine }?.addresses ?? []
        var result: [InterfaceAddress] = []
        for gateway in gateways {
            let candidates =
                wanted.filter { $0.family == gateway.family }
                + (wanted.isEmpty ? before.filter { $0.sharesNetwork(with: gateway) } : [])
            if let first = candidates.first {
                if !running.contains(first) {
                    result.append(first)
                    continue
                }
                if !wanted.isEmpty { return nil }
            }
            // A /24 is searched whole; nobody runs more machines than this on one host.
            let free = (1..<4096).lazy.compactMap { gateway.member(at: $0) }
            guard
                let address = free.first(where: { !running.contains($0) && !reserved.contains($0) })
                    ?? free.first(where: { !running.contains($0) })
            else { return nil }
            result.append(address)
        }
        return result
    }
}
