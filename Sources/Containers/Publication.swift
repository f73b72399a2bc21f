public import Diagnostics
internal import Glibc

/// Ports of the host that lead into a container: `[ADDRESS:]HOST[-LAST]:CONTAINER[-LAST][/tcp|/udp]`.
public struct Publication: Hashable, Sendable, CustomStringConvertible {
    public enum Transport: String, Sendable, Codable { case tcp, udp }

    /// The host's address that it holds for, with the whole prefix; nil: every one.
    public let address: InterfaceAddress?
    public let hostPorts: ClosedRange<Int>
    public let containerPorts: ClosedRange<Int>
    public let transport: Transport

    /// As many rules as a table is readable with.
    static let mostPorts = 1024

    /// - Throws: `.usage` where it has another form.
    public init(_ text: String) throws(ProvisionError) {
        func refusal(_ reason: String) -> ProvisionError {
            ProvisionError(
                .usage, "\"\(text)\" publishes no port: \(reason)",
                hint: "write it as [ADDRESS:]HOST:CONTAINER[/tcp|/udp], such as 8080:80 or 127.0.0.1:2121:21")
        }
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let transport = Transport(rawValue: halves.count == 2 ? String(halves[1]) : "tcp") else {
            throw refusal("\"\(halves[1])\" is neither tcp nor udp")
        }
        self.transport = transport
        var rest = halves[0]
        guard let colon = rest.lastIndex(of: ":") else { throw refusal("a colon is missing") }
        let container = rest[rest.index(after: colon)...]
        rest = rest[..<colon]
        var host = rest
        if let second = rest.lastIndex(of: ":") {
            host = rest[rest.index(after: second)...]
            var name = rest[..<second]
            if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
            guard let address = InterfaceAddress(network: String(name)), !name.contains("/") else {
                throw refusal("\"\(name)\" is not an address")
            }
            self.address = address
        } else {
            address = nil
        }
        guard let hostPorts = Publication.ports(host), let containerPorts = Publication.ports(container) else {
            throw refusal("ports are numbers from 1 to 65535, or two of them with a dash")
        }
        guard hostPorts.count == containerPorts.count else {
            throw refusal("there are more ports on one side than on the other")
        }
        guard hostPorts.count <= Publication.mostPorts else { throw refusal("more than \(Publication.mostPorts) ports") }
        self.hostPorts = hostPorts
        self.containerPorts = containerPorts
    }

    private static func ports(_ text: Substring) -> ClosedRange<Int>? {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { word in
            word.allSatisfy { $0.isASCII && $0.isNumber } ? Int(word) : nil
        }
        guard let first = ends[0], let last = ends.count == 2 ? ends[1] : first, (1...65535).contains(first),
            (first...65535).contains(max(first, last)), last >= first
        else { return nil }
        return first...last
    }

    /// Pairs of a host's and a container's port.
    var pairs: [(host: Int, container: Int)] { Array(zip(hostPorts, containerPorts)).map { ($0, $1) } }

    public var description: String {
        func words(_ ports: ClosedRange<Int>) -> String {
            ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
        }
        let place = address.map { $0.family == .ipv6 ? "[\($0.address)]:" : "\($0.address):" } ?? ""
        return "\(place)\(words(hostPorts)):\(words(containerPorts))/\(transport.rawValue)"
    }
}

/// What a container's network has beside its addresses.
public struct NetworkSettings: Hashable, Sendable {
    /// Whether it reaches what the host reaches, under the host's address.
    public var nat = false
    /// Addresses of name servers; empty with `nat`: the host's own.
    public var nameServers: [String] = []
    public var publications: [Publication] = []
    /// Interfaces of the host that move in while it runs.
    public var interfaces: [String] = []

    public init() {}

    /// Whether it takes a link to the host.
    var needsLink: Bool { nat || !publications.isEmpty }

    /// - Throws: `.usage` for a name server that isn't an address, or more published ports than a table is readable with.
    func validate() throws(ProvisionError) {
        for server in nameServers where InterfaceAddress(network: server) == nil || server.contains("/") {
            throw ProvisionError(
                .usage, "\"\(server)\" is not the address of a name server", hint: "write it as 192.0.2.53 or fd00::53")
        }
        guard publications.map(\.hostPorts.count).reduce(0, +) <= Publication.mostPorts else {
            throw ProvisionError(.usage, "more than \(Publication.mostPorts) ports are published")
        }
        for (number, publication) in publications.enumerated() {
            let same = publications[..<number].first {
                $0.transport == publication.transport && $0.hostPorts.overlaps(publication.hostPorts)
                    && ($0.address == nil || publication.address == nil || $0.address == publication.address)
            }
            if let same { throw ProvisionError(.usage, "\(same) and \(publication) publish the same port of the host") }
        }
        for (number, interface) in interfaces.enumerated() {
            if interface.isEmpty || interface.contains("/") || interface.utf8.count > 15 {
                throw ProvisionError(.usage, "\"\(interface)\" cannot be the name of an interface")
            }
            if interfaces[..<number].contains(interface) {
                throw ProvisionError(.usage, "the interface \"\(interface)\" is given twice")
            }
            if interface == "lo" {
                throw ProvisionError(
                    .usage, "the host's loopback interface can't be moved", hint: "every network has one of its own")
            }
            if NetworkPlan.prefixes.contains(where: interface.hasPrefix) {
                throw ProvisionError(
                    .usage, "\"\(interface)\" belongs to another machine or network of provision's",
                    hint: "provision network list and provision list tell whose it is")
            }
        }
    }
}
