import Glibc
import Testing

@testable import Containers

@Suite struct NetworkRecordTests {
    private func member(_ name: String, _ address: String, running: Bool) throws -> NetworkRecord.Member {
        let us = try #require(ProcessStatus(of: getpid()))
        return NetworkRecord.Member(
            machine: name, addresses: [try InterfaceAddress(address)],
            process: running ? HostForwarding.User(pid: getpid(), start: us.startTime) : nil)
    }

    private func network(_ members: [NetworkRecord.Member]) throws -> NetworkRecord {
        NetworkRecord(name: "n", gateways: [try InterfaceAddress("10.0.0.1/29")], members: members, created: 1)
    }

    @Test("the lowest free address; a machine's own again; a stopped one's only when no other is left") func allotting() throws
    {
        let stopped = try member("old", "10.0.0.2/29", running: false)
        let some = try network([stopped, member("a", "10.0.0.3/29", running: true)])
        #expect(some.addresses(for: "new", wanted: [])?.map(\.address) == ["10.0.0.4"])
        #expect(some.addresses(for: "old", wanted: [])?.map(\.address) == ["10.0.0.2"])
        let full = try network([stopped] + (3...6).map { try member("m\($0)", "10.0.0.\($0)/29", running: true) })
        #expect(full.addresses(for: "new", wanted: [])?.map(\.address) == ["10.0.0.2"])
        let over = try network((2...6).map { try member("m\($0)", "10.0.0.\($0)/29", running: true) })
        #expect(over.addresses(for: "new", wanted: []) == nil)
    }

    @Test("an address of one's choice, unless somebody or the bridge has it") func chosen() throws {
        let some = try network([member("a", "10.0.0.3/29", running: true), member("b", "10.0.0.4/29", running: false)])
        #expect(some.addresses(for: "new", wanted: [try InterfaceAddress("10.0.0.4/29")])?.map(\.address) == ["10.0.0.4"])
        #expect(some.addresses(for: "new", wanted: [try InterfaceAddress("10.0.0.3/29")]) == nil)
        #expect(some.addresses(for: "new", wanted: [try InterfaceAddress("10.0.0.1/29")]) == nil)
    }

    @Test("a process that died, or another under its number, is no member that runs") func liveness() throws {
        #expect(try member("a", "10.0.0.3/29", running: true).isRunning)
        #expect(!HostForwarding.User(pid: getpid(), start: 1).isAlive)
    }

    @Test("members of a network are counted from its own address, over byte borders") func members() throws {
        let network = try #require(InterfaceAddress(network: "10.0.0.0/22"))
        #expect(
            [1, 255, 256, 1022].map { network.member(at: $0)?.description } == [
                "10.0.0.1/22", "10.0.0.255/22", "10.0.1.0/22", "10.0.3.254/22",
            ])
        #expect([0, 1023, 1024].allSatisfy { network.member(at: $0) == nil })
        #expect(InterfaceAddress(network: "fd00::/64")?.member(at: 258)?.address == "fd00::102")
    }
}
