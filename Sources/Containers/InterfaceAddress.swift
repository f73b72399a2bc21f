public import Diagnostics
internal import Glibc

/// An address of a network interface with the length of its network's prefix, as `10.0.0.2/24` or `fd00::2/64`.
public struct InterfaceAddress: Hashable, Sendable, Codable, CustomStringConvertible {
    public enum Family: Sendable { case ipv4, ipv6 }

    /// 4 or 16, in network order.
    public let bytes: [UInt8]
    public let prefix: Int

    /// Parses CIDR notation.
    ///
    /// - Throws: `.usage` where `text` has another form, or can't be an interface's address: the network's own address,
    ///   broadcast, multicast, loopback, unspecified.
    public init(_ text: String) throws(ProvisionError) {
        guard let parsed = InterfaceAddress(network: text), text.contains("/") else {
            throw ProvisionError(
                .usage, "\"\(text)\" is not an address with a prefix length", hint: "write it as 10.0.0.2/24 or fd00::2/64")
        }
        if let reason = parsed.reasonAgainstUse {
            throw ProvisionError(.usage, "\"\(text)\" cannot be the address of an interface: \(reason)")
        }
        self = parsed
    }

    /// A network or a single address as the kernel's tables show them (`10.0.0.0/24`, `10.0.0.1`); nil for other text.
    init?(network text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var buffer = [UInt8](repeating: 0, count: 16)
        let address = String(parts[0])
        if inet_pton(AF_INET, address, &buffer) == 1 {
            bytes = Array(buffer[..<4])
        } else if inet_pton(AF_INET6, address, &buffer) == 1 {
            bytes = buffer
        } else {
            return nil
        }
        guard parts.count == 2 else {
            prefix = bytes.count * 8
            return
        }
        guard let length = Int(parts[1]), parts[1].allSatisfy(\.isNumber), (0...bytes.count * 8).contains(length) else {
            return nil
        }
        prefix = length
    }

    public var family: Family { bytes.count == 4 ? .ipv4 : .ipv6 }

    /// The address alone.
    public var address: String {
        var text = [CChar](repeating: 0, count: 64)
        guard inet_ntop(family == .ipv4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    public var description: String { "\(address)/\(prefix)" }

    /// Its network, as `10.0.0.0/24`.
    public var network: String { InterfaceAddress(bytes: masked(prefix), prefix: prefix).description }

    private init(bytes: [UInt8], prefix: Int) {
        self.bytes = bytes
        self.prefix = prefix
    }

    /// The address that stands `offset` behind the network's own; nil where the network has no room for it or an interface can't
    /// have it.
    func member(at offset: Int) -> InterfaceAddress? {
        let room = bytes.count * 8 - prefix
        guard offset > 0, room >= 62 || offset < 1 << room else { return nil }
        var bytes = masked(prefix)
        var rest = offset
        for index in bytes.indices.reversed() where rest > 0 {
            rest += Int(bytes[index])
            bytes[index] = UInt8(rest & 0xff)
            rest >>= 8
        }
        let member = InterfaceAddress(bytes: bytes, prefix: prefix)
        return member.reasonAgainstUse == nil ? member : nil
    }

    /// Whether both networks share addresses: one holds the other.
    func overlaps(_ other: InterfaceAddress) -> Bool {
        guard bytes.count == other.bytes.count else { return false }
        let length = min(prefix, other.prefix)
        return masked(length) == other.masked(length)
    }

    /// Whether both are addresses in one and the same network.
    func sharesNetwork(with other: InterfaceAddress) -> Bool { prefix == other.prefix && overlaps(other) }

    private func masked(_ length: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let bits = max(0, min(8, length - index * 8))
            return byte & (bits == 0 ? 0 : 0xff << UInt8(8 - bits))
        }
    }

    private var reasonAgainstUse: String? {
        let isNetwork = bytes == masked(prefix)
        switch family {
        case .ipv4:
            if bytes[0] == 0 { return "it is unspecified" }
            if bytes[0] == 127 { return "it belongs to the loopback interface" }
            if bytes[0] >= 224 { return "it is a multicast or reserved address" }
            if prefix < 31, isNetwork { return "it is the network's own address" }
            let host = zip(bytes, masked(prefix)).map { $0 ^ $1 }
            if prefix < 31, host == InterfaceAddress.hostMask(prefix) { return "it is the network's broadcast address" }
        case .ipv6:
            if bytes.allSatisfy({ $0 == 0 }) { return "it is unspecified" }
            if bytes == [UInt8](repeating: 0, count: 15) + [1] { return "it belongs to the loopback interface" }
            if bytes[0] == 0xff { return "it is a multicast address" }
            if prefix < 127, isNetwork { return "it is the network's own address" }
        }
        return nil
    }

    private static func hostMask(_ prefix: Int) -> [UInt8] {
        (0..<4).map { index in
            let bits = max(0, min(8, prefix - index * 8))
            return bits == 8 ? 0 : 0xff >> UInt8(bits)
        }
    }

    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The addresses of both ends of a container's veth pair; at most one network of each family.
public struct NetworkAddresses: Hashable, Sendable, Codable {
    /// The container's end.
    public let guest: [InterfaceAddress]
    /// The host's end: in the same networks, and the container's default gateways. Empty leaves that end without an address.
    public let host: [InterfaceAddress]

    /// - Throws: `.usage` where the two sides don't fit each other.
    public init(guest: [InterfaceAddress], host: [InterfaceAddress]) throws(ProvisionError) {
        guard !guest.isEmpty else {
            throw ProvisionError(
                .usage, "an address for the host's end needs one for the container's", hint: "give --address as well")
        }
        for side in [guest, host] where Set(side.map(\.family)).count != side.count {
            throw ProvisionError(
                .usage, "more than one address of a family at one end", hint: "one IPv4 and one IPv6 address at most")
        }
        for address in host {
            guard let peer = guest.first(where: { $0.family == address.family }) else {
                throw ProvisionError(
                    .usage, "the host's end has the address \"\(address)\", but the container's has none of that family")
            }
            guard peer.sharesNetwork(with: address) else {
                throw ProvisionError(
                    .usage, "\"\(peer)\" and \"\(address)\" are not in one network",
                    hint: "both ends need the same prefix, such as 10.0.0.2/24 and 10.0.0.1/24")
            }
            guard peer != address else {
                throw ProvisionError(.usage, "both ends have the address \"\(address.address)\"")
            }
        }
        self.guest = guest
        self.host = host
    }
}
