internal import Diagnostics

/// The nftables rules of one container, in a table of its own: planned as nft(8)'s commands, held by `FirewallOwner`.
///
/// The host's own tables are left alone; where one of them drops forwarded packets, that counts too, and theirs is the last word.
struct FirewallTable: Equatable {
    let name: String
    /// The host's interface that leads to the container: its end of the veth pair, or the bridge.
    var interface: String
    /// The container's addresses.
    var guest: [InterfaceAddress]
    var nat: Bool
    var publications: [Publication]
    /// Follows FTP's control connections, so that data connections find through: kernels with nf_nat_ftp.
    var followsFTP = true
    /// The kernel removes the table when the process that made it ends: Linux 5.12 and later.
    var hasOwner = true

    init(machine: MachineName, interface: String, guest: [InterfaceAddress], settings: NetworkSettings) {
        name = FirewallTable.name(for: machine)
        self.interface = interface
        self.guest = guest
        nat = settings.nat
        publications = settings.publications
    }

    static func name(for machine: MachineName) -> String { "provision-\(machine)" }

    private var ftpPorts: [Int] {
        publications.filter { $0.transport == .tcp }.flatMap(\.pairs).filter { $0.container == 21 }.map(\.host)
    }

    /// Whether `followsFTP` makes a difference.
    var publishesFTP: Bool { !ftpPorts.isEmpty }

    /// What to try, the best first: an older kernel shall do what it can.
    var attempts: [FirewallTable] {
        [true, false].flatMap { hasOwner in
            (publishesFTP ? [true, false] : [true]).map { followsFTP in
                var table = self
                table.hasOwner = hasOwner
                table.followsFTP = followsFTP
                return table
            }
        }
    }

    /// One command a line.
    var commands: [String] {
        let table = "inet \(name)"
        var lines = ["add table \(table)" + (hasOwner ? " { flags owner; }" : "")]
        func chain(_ chain: String, _ type: String, _ hook: String, _ priority: Int, _ rules: [String]) {
            guard !rules.isEmpty else { return }
            lines.append("add chain \(table) \(chain) { type \(type) hook \(hook) priority \(priority); policy accept; }")
            lines += rules.map { "add rule \(table) \(chain) \($0)" }
        }
        let translations = publications.flatMap(translation)
        if !translations.isEmpty {
            // The interface routes 127.0.0.0/8 (see ContainerNetwork): that is for the host's programs, not for the container.
            chain("guard", "filter", "prerouting", -300, ["iifname \"\(interface)\" ip daddr 127.0.0.0/8 drop"])
        }
        if followsFTP, !ftpPorts.isEmpty {
            lines.append("add ct helper \(table) ftp { type \"ftp\" protocol tcp; }")
            let rule =
                "fib daddr type local tcp dport { \(ftpPorts.map(String.init).joined(separator: ", ")) } ct helper set \"ftp\""
            chain("follow-in", "filter", "prerouting", -150, [rule])
            chain("follow-out", "filter", "output", -150, [rule])
        }
        chain("incoming", "nat", "prerouting", -100, translations)
        chain("local", "nat", "output", -100, translations)
        var sources: [String] = []
        if !translations.isEmpty {
            // Answers to the host's loopback, and to neighbours on the same bridge, must come back this way.
            for address in guest {
                let family = address.family == .ipv4 ? "ip" : "ip6"
                let loopback = address.family == .ipv4 ? "127.0.0.0/8" : "::1"
                sources.append("oifname \"\(interface)\" \(family) saddr \(loopback) masquerade")
                sources.append(
                    "oifname \"\(interface)\" \(family) saddr \(address.network) \(family) daddr \(address.address) ct status dnat masquerade"
                )
            }
        }
        if nat {
            for address in guest {
                let family = address.family == .ipv4 ? "ip" : "ip6"
                sources.append("oifname != \"\(interface)\" \(family) saddr \(address.address) masquerade")
            }
        }
        chain("outgoing", "nat", "postrouting", 100, sources)
        return lines
    }

    /// Destination translation for one publication, a rule a family.
    private func translation(_ publication: Publication) -> [String] {
        guest.compactMap { guest in
            if let address = publication.address, address.family != guest.family { return nil }
            let (family, protocolName) = guest.family == .ipv4 ? ("ip", "ipv4") : ("ip6", "ipv6")
            let place: String
            if let address = publication.address, !address.bytes.allSatisfy({ $0 == 0 }) {
                place = "\(family) daddr \(address.address)"
            } else {
                place = "meta nfproto \(protocolName) fib daddr type local"
            }
            let map = publication.pairs.map { "\($0.host) : \(guest.address) . \($0.container)" }.joined(separator: ", ")
            return "\(place) dnat \(family) to \(publication.transport.rawValue) dport map { \(map) }"
        }
    }
}
