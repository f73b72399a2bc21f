internal import Diagnostics
internal import FoundationEssentials
internal import System

/// The host's addresses and routes, as far as a container's addresses may collide with them.
struct HostNetwork {
    var interfaces: Set<String>
    /// Every address of the host and the interface that has it.
    var addresses: [(address: InterfaceAddress, interface: String)]
    /// The main table's routes, but for default ones.
    var routes: [(network: InterfaceAddress, interface: String)]

    /// Asks ip(8).
    static func current() throws -> HostNetwork {
        try HostNetwork(
            addressesJSON: runChecked(["ip", "-json", "address", "show"]).standardOutput,
            routesJSON: [
                runChecked(["ip", "-json", "-4", "route", "show"]).standardOutput,
                runChecked(["ip", "-json", "-6", "route", "show"]).standardOutput,
            ])
    }

    /// Reads what `ip -json address` and `ip -json route` print; an empty list may be printed as nothing at all.
    init(addressesJSON: [UInt8], routesJSON: [[UInt8]]) throws {
        let links = try HostNetwork.decode([Link].self, addressesJSON)
        interfaces = Set(links.compactMap(\.ifname))
        addresses = links.flatMap { link in
            (link.addr_info ?? []).compactMap { entry in
                guard let local = entry.local, let address = InterfaceAddress(network: "\(local)/\(entry.prefixlen ?? 0)")
                else { return nil }
                return (address, link.ifname ?? "?")
            }
        }
        routes = try routesJSON.flatMap { try HostNetwork.decode([Route].self, $0) }.compactMap { route in
            guard let destination = route.dst, destination != "default", route.dev != "lo",
                let network = InterfaceAddress(network: destination)
            else { return nil }
            return (network, route.dev ?? route.type ?? "?")
        }
    }

    /// - Throws: `.conflict` where the host has an interface of that name.
    func checkInterface(_ name: String) throws(ProvisionError) {
        guard !interfaces.contains(name) else {
            throw ProvisionError(
                .conflict, "the host has an interface \"\(name)\" already",
                hint: "choose another name with --machine, or remove it: ip link delete \(name)")
        }
    }

    /// The nftables table, if any, whose chain drops forwarded packets that none of its rules accepts.
    static func tableThatDropsForwarded() throws(ProvisionError) -> String? {
        tableThatDropsForwarded(in: try runProgram(["nft", "list", "chains"]).text)
    }

    /// Reads what `nft list chains` prints.
    static func tableThatDropsForwarded(in text: String) -> String? {
        var table = ""
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.first == "table", words.count >= 3 { table = "\(words[1]) \(words[2])" }
            if line.contains("hook forward"), line.contains("policy drop") { return table }
        }
        return nil
    }

    /// Refuses addresses that the host has, or whose network it reaches elsewhere: packets would go astray silently.
    ///
    /// - Throws: `.conflict`.
    func check(_ addresses: NetworkAddresses) throws(ProvisionError) {
        for address in addresses.guest + addresses.host {
            if let taken = self.addresses.first(where: { $0.address.bytes == address.bytes }) {
                throw ProvisionError(
                    .conflict, "the address \"\(address.address)\" belongs to this host already, on \"\(taken.interface)\"",
                    hint: "choose a free network, such as \(suggestion(for: address))")
            }
        }
        for address in addresses.host {
            // Link-local routes stand on every interface, told apart by its scope.
            if let route = routes.first(where: { $0.network.overlaps(address) && !$0.network.isLinkLocal }) {
                throw ProvisionError(
                    .conflict,
                    "the network of \"\(address)\" overlaps the host's route to \(route.network) on \"\(route.interface)\"",
                    hint: "choose a free network, such as \(suggestion(for: address))")
            }
        }
    }

    /// The first of a few private networks that nothing here touches.
    private func suggestion(for address: InterfaceAddress) -> String {
        let candidates: [String] =
            switch address.family {
            case .ipv4: (0...255).map { "10.\(88 + $0 % 100).\($0).0/24" }
            case .ipv6: (1...255).map { "fd88:\($0)::/64" }
            }
        return free(of: candidates)?.description ?? candidates[0]
    }

    /// The first of several networks that overlaps neither what this host has and reaches nor `others`.
    func free(of candidates: some Sequence<String>, beside others: [InterfaceAddress] = []) -> InterfaceAddress? {
        let networks = routes.map(\.network) + addresses.map(\.address) + others
        for text in candidates {
            guard let candidate = InterfaceAddress(network: text) else { continue }
            if !networks.contains(where: { $0.overlaps(candidate) }) { return candidate }
        }
        return nil
    }

    private static func decode<Value: Decodable>(_ type: [Value].Type, _ json: [UInt8]) throws -> [Value] {
        guard json.contains(where: { $0 > 32 }) else { return [] }
        do { return try JSONDecoder().decode(type, from: Data(json)) } catch {
            throw ProvisionError(.failed, "cannot read what ip(8) says of the host's network", causes: ["\(error)"])
        }
    }

    private struct Link: Decodable {
        struct Address: Decodable {
            var local: String?
            var prefixlen: Int?
        }
        var ifname: String?
        var addr_info: [Address]?
    }

    private struct Route: Decodable {
        var dst: String?
        var dev: String?
        var type: String?
    }
}

extension InterfaceAddress {
    fileprivate var isLinkLocal: Bool { bytes[0] == 0xfe && bytes.count == 16 && bytes[1] & 0xc0 == 0x80 }
}
