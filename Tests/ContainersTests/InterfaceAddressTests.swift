import Diagnostics
import Testing

@testable import Containers

@Suite struct InterfaceAddressTests {
    @Test("both families are read and written alike", arguments: ["10.0.0.2/24", "192.168.7.1/31", "fd00::2/64"])
    func roundTrip(_ text: String) throws {
        #expect(try InterfaceAddress(text).description == text)
    }

    @Test(
        "what no interface can have is refused",
        arguments: [
            "10.0.0.2", "10.0.0.2/33", "10.0.0/24", "10.0.0.2/", "10.0.0.2/-1", "10.0.0.2/2 4", "", "/24", "0.0.0.0/8",
            "127.0.0.1/8", "10.0.0.0/24", "10.0.0.255/24", "224.0.0.1/4", "::/64", "::1/128", "ff02::1/64", "fd00::/64",
            "fd00::2/129",
        ])
    func refused(_ text: String) {
        let error = #expect(throws: ProvisionError.self) { try InterfaceAddress(text) }
        #expect(error?.code == .usage)
    }

    @Test("networks overlap where one holds the other, whatever the prefix") func overlap() throws {
        let wide = try #require(InterfaceAddress(network: "10.0.0.0/8"))
        #expect(wide.overlaps(try InterfaceAddress("10.200.3.6/30")))
        #expect(try InterfaceAddress("10.200.3.5/30").overlaps(wide))
        #expect(try !InterfaceAddress("10.0.0.1/24").overlaps(InterfaceAddress("10.0.1.1/24")))
        #expect(try !InterfaceAddress("10.0.0.1/24").overlaps(InterfaceAddress("fd00::1/64")))
        #expect(try !InterfaceAddress("10.0.0.129/25").overlaps(InterfaceAddress("10.0.0.1/25")))
    }

    @Test("ends of a veth pair must fit each other") func pairs() throws {
        func pair(_ guest: [String], _ host: [String]) throws -> NetworkAddresses {
            try NetworkAddresses(guest: guest.map { try InterfaceAddress($0) }, host: host.map { try InterfaceAddress($0) })
        }
        #expect(throws: Never.self) { try pair(["10.0.0.2/24"], ["10.0.0.1/24"]) }
        #expect(throws: Never.self) { try pair(["10.0.0.2/24", "fd00::2/64"], ["10.0.0.1/24", "fd00::1/64"]) }
        #expect(throws: Never.self) { try pair(["10.0.0.2/24"], []) }
        for (guest, host) in [
            ([], ["10.0.0.1/24"]), (["10.0.0.2/24"], ["10.0.1.1/24"]), (["10.0.0.2/24"], ["10.0.0.1/25"]),
            (["10.0.0.2/24"], ["10.0.0.2/24"]), (["10.0.0.2/24"], ["fd00::1/64"]),
            (["10.0.0.2/24", "10.0.1.2/24"], ["10.0.0.1/24"]),
        ] {
            #expect(throws: ProvisionError.self) { try pair(guest, host) }
        }
    }
}
