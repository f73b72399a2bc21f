import Testing

@testable import Containers

@Suite struct GuestFilesTests {
    @Test("the root's own hosts stay in front, and our part is replaced, not repeated") func hosts() {
        let first = GuestFiles.hosts(own: "127.0.0.1 localhost\n192.0.2.9 ours\n\n", entries: [("10.0.0.2", "one")])
        #expect(first.hasPrefix("127.0.0.1 localhost\n192.0.2.9 ours\n#"))
        #expect(first.hasSuffix("\n10.0.0.2 one\n"))
        let second = GuestFiles.hosts(own: first, entries: [("10.0.0.3", "two")])
        #expect(second == first.replacing("10.0.0.2 one", with: "10.0.0.3 two"))
    }

    @Test("name servers on the host's loopback are none for a container") func resolvers() {
        let text =
            "# x\nnameserver 127.0.0.53\nsearch a\nnameserver 192.0.2.53\nnameserver ::1\nnameserver\tfd00::53\nnameserver x\n"
        #expect(GuestFiles.resolvers(in: text) == ["192.0.2.53", "fd00::53"])
    }

    @Test("a firewall that drops what it doesn't know is named") func dropping() {
        let text = """
            table inet filter {
            \tchain input {
            \t\ttype filter hook input priority filter; policy drop;
            \t}
            }
            table ip docker {
            \tchain forward {
            \t\ttype filter hook forward priority filter; policy drop;
            \t}
            }
            """
        #expect(HostNetwork.tableThatDropsForwarded(in: text) == "ip docker")
        #expect(HostNetwork.tableThatDropsForwarded(in: text.replacing("drop", with: "accept")) == nil)
    }
}
