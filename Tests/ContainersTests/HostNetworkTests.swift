import Diagnostics
import Testing

@testable import Containers

@Suite struct HostNetworkTests {
    private let addresses = #"""
        [{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8}]},
         {"ifname":"eth0","addr_info":[{"local":"192.0.2.2","prefixlen":24},{"local":"fe80::1","prefixlen":64}]},
         {"ifname":"vp-other"}]
        """#
    private let routes = [
        #"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"192.0.2.0/24","dev":"eth0"},{"dst":"10.0.0.0/9","dev":"tun0"}]"#,
        #"[{"dst":"fe80::/64","dev":"eth0"}]"#,
    ]

    private func check(_ guest: String, _ host: String?, interface: String = "vp-web") throws {
        let network = try HostNetwork(addressesJSON: Array(addresses.utf8), routesJSON: routes.map { Array($0.utf8) })
        let pair = try NetworkAddresses(guest: [InterfaceAddress(guest)], host: host.map { [try InterfaceAddress($0)] } ?? [])
        try network.check(pair)
        try network.checkInterface(interface)
    }

    @Test("a free network is fine, and so is link-local") func free() throws {
        try check("10.200.0.2/24", "10.200.0.1/24")
        try check("fe80::1:2/64", "fe80::1:1/64")
    }

    @Test("an address that the host has is refused with its interface") func taken() {
        let error = #expect(throws: ProvisionError.self) { try check("192.0.2.3/24", "192.0.2.2/24") }
        #expect(error?.code == .conflict && error?.message.contains("\"192.0.2.2\"") == true)
        #expect(error?.message.contains("eth0") == true)
    }

    @Test("a network that is routed elsewhere is refused, and the hint names a free one") func routed() {
        let error = #expect(throws: ProvisionError.self) { try check("10.5.0.2/24", "10.5.0.1/24") }
        #expect(error?.code == .conflict && error?.message.contains("10.0.0.0/9") == true)
        #expect(error?.hint?.contains("10.128.40.0/24") == true)
    }

    @Test("an interface of the wanted name is refused") func interface() {
        let error = #expect(throws: ProvisionError.self) { try check("10.200.0.2/24", nil, interface: "vp-other") }
        #expect(error?.code == .conflict)
    }

    @Test("ip prints nothing at all where a table is empty") func empty() throws {
        let network = try HostNetwork(addressesJSON: [], routesJSON: [[10], []])
        #expect(network.routes.isEmpty)
    }
}
