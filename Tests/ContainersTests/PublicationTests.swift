import Diagnostics
import Testing

@testable import Containers

@Suite struct PublicationTests {
    @Test("ports, ranges, addresses of both families, transports") func parsing() throws {
        let plain = try Publication("8080:80")
        #expect(plain.hostPorts == 8080...8080 && plain.containerPorts == 80...80)
        #expect(plain.transport == .tcp && plain.address == nil)
        #expect(try Publication("53:5353/udp").transport == .udp)
        #expect(try Publication("127.0.0.1:2121:21").address?.address == "127.0.0.1")
        #expect(try Publication("[::]:8080:80/tcp").address?.family == .ipv6)
        let range = try Publication("30000-30002:40000-40002")
        #expect(range.pairs.map(\.host) == [30000, 30001, 30002] && range.pairs.map(\.container) == [40000, 40001, 40002])
        for text in ["8080:80/tcp", "127.0.0.1:1-2:3-4/udp", "[fd00::1]:1:2/tcp"] {
            #expect(try Publication(text).description == text)
        }
    }

    @Test(
        "what publishes no port is refused with the form that does",
        arguments: [
            "", "80", ":80", "80:", "0:80", "80:65536", "2-1:2-1", "1-2:1", "80:80/sctp", "host:80:80", "10.0.0.0/8:80:80",
            "-1:80",
            "1:2:3:4", "1-2000:1-2000", "+80:80",
        ])
    func refused(_ text: String) {
        let error = #expect(throws: ProvisionError.self) { try Publication(text) }
        #expect(error?.code == .usage && error?.hint?.contains("8080:80") == true)
    }

    private func table(_ publications: [String], nat: Bool = false) throws -> FirewallTable {
        var settings = NetworkSettings()
        settings.nat = nat
        settings.publications = try publications.map { try Publication($0) }
        return FirewallTable(
            machine: try MachineName("web"), interface: "vp-web",
            guest: [try InterfaceAddress("10.0.0.2/24"), try InterfaceAddress("fd00::2/64")], settings: settings)
    }

    @Test("a table of its own that dies with its owner; NAT alone translates sources only") func nat() throws {
        #expect(
            try table([], nat: true).commands == [
                "add table inet provision-web { flags owner; }",
                "add chain inet provision-web outgoing { type nat hook postrouting priority 100; policy accept; }",
                "add rule inet provision-web outgoing oifname != \"vp-web\" ip saddr 10.0.0.2 masquerade",
                "add rule inet provision-web outgoing oifname != \"vp-web\" ip6 saddr fd00::2 masquerade",
            ])
    }

    @Test("each family gets its rule, an address only its own, and the container is kept from the host's loopback")
    func translations() throws {
        let commands = try table(["8080:80", "127.0.0.1:53:53/udp"]).commands
        let incoming = commands.filter { $0.contains("provision-web incoming") && $0.contains("add rule") }
        #expect(
            incoming.map { String($0.dropFirst("add rule inet provision-web incoming ".count)) } == [
                "meta nfproto ipv4 fib daddr type local dnat ip to tcp dport map { 8080 : 10.0.0.2 . 80 }",
                "meta nfproto ipv6 fib daddr type local dnat ip6 to tcp dport map { 8080 : fd00::2 . 80 }",
                "ip daddr 127.0.0.1 dnat ip to udp dport map { 53 : 10.0.0.2 . 53 }",
            ])
        #expect(commands.contains("add rule inet provision-web guard iifname \"vp-web\" ip daddr 127.0.0.0/8 drop"))
        #expect(!commands.contains { $0.contains("helper") })
    }

    @Test("FTP's control connection is followed where its port is published") func ftp() throws {
        let table = try table(["2121:21", "21:21/udp"])
        #expect(table.publishesFTP)
        #expect(table.commands.contains { $0.contains("tcp dport { 2121 } ct helper set \"ftp\"") })
        // On older kernels with less: first without FTP, then without an owner.
        #expect(
            table.attempts.map { [$0.hasOwner, $0.followsFTP] } == [
                [true, true], [true, false], [false, true], [false, false],
            ])
        #expect(!table.attempts[1].commands.contains { $0.contains("helper") })
        #expect(table.attempts[2].commands.first == "add table inet provision-web")
    }
}
