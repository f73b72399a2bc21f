import Testing

@testable import Containers

@Suite struct NetworkPlanTests {
    @Test("a veth pair is configured at both ends, for both families") func veth() throws {
        let addresses = try NetworkAddresses(
            guest: [InterfaceAddress("10.0.0.2/24"), InterfaceAddress("fd00::2/64")],
            host: [InterfaceAddress("10.0.0.1/24"), InterfaceAddress("fd00::1/64")])
        let plan = NetworkPlan.veth(addresses, hostInterface: "vp-web", namespacePath: "/proc/7/fd/5")
        #expect(
            plan.hostCommands == [
                "link add name vp-web type veth peer name host0 netns /proc/7/fd/5",
                "address add 10.0.0.1/24 broadcast + dev vp-web", "address add fd00::1/64 dev vp-web nodad",
                "link set dev vp-web up",
            ])
        #expect(
            plan.guestCommands == [
                "address add 10.0.0.2/24 broadcast + dev host0", "address add fd00::2/64 dev host0 nodad",
                "link set dev host0 up", "route add default via 10.0.0.1 dev host0", "route add default via fd00::1 dev host0",
            ])
    }

    @Test("without a host's address there is no gateway") func noGateway() throws {
        let addresses = try NetworkAddresses(guest: [InterfaceAddress("10.0.0.2/24")], host: [])
        let plan = NetworkPlan.veth(addresses, hostInterface: "vp-web", namespacePath: "x")
        #expect(!plan.guestCommands.contains { $0.hasPrefix("route") })
        #expect(!plan.hostCommands.contains { $0.hasPrefix("address") })
    }

    @Test("the host's end has a predictable name of at most 15 characters, without dots") func names() throws {
        #expect(NetworkPlan.hostInterface(for: try MachineName("web")) == "vp-web")
        #expect(NetworkPlan.hostInterface(for: try MachineName("twelve-chars")) == "vp-twelve-chars")
        let long = ["centos-rootfs-one", "centos-rootfs-two", "a.b", "a-b"]
        let names = try long.map { NetworkPlan.hostInterface(for: try MachineName($0)) }
        #expect(Set(names).count == 4)
        for name in names { #expect(name.utf8.count <= 15 && !name.contains(".")) }
    }
}
