import Diagnostics
import Glibc
import System
import SystemPackage
import Testing

@testable import Containers

@Suite struct MachineStoreTests {
    private func record(
        _ name: String, temporary: Bool = false, pid: Int32? = nil, start: UInt64 = 0, cgroups: [String] = []
    ) throws -> MachineRecord {
        var record = MachineRecord(
            name: try MachineName(name), layer: nil, directory: "/r", created: 1, isTemporary: temporary)
        if let pid {
            record.run = MachineRecord.Run(
                pid: pid, processStart: start, started: 1, command: ["/sbin/init"], network: "private", addresses: nil,
                interface: nil, cgroups: cgroups)
        }
        return record
    }

    private func add(_ record: MachineRecord, to store: MachineStore) throws {
        try Files.makeDirectory(store.path(of: record.name))
        try store.write(record)
    }

    @Test("a machine runs while the very process lives that runs it: a reused pid is another one") func condition() throws {
        let state = try TemporaryDirectory()
        let store = MachineStore(state: state.path)
        let us = try #require(ProcessStatus(of: getpid()))
        try add(record("ours", pid: getpid(), start: us.startTime), to: store)
        try add(record("reused", pid: getpid(), start: us.startTime - 1), to: store)
        try add(record("stopped"), to: store)
        #expect(try store.list().map(\.record.name.text) == ["ours", "reused", "stopped"])
        #expect(try store.list().map(\.condition) == [.running, .stopped, .stopped])
    }

    @Test("a record reads back as it was written") func roundTrip() throws {
        let state = try TemporaryDirectory()
        let store = MachineStore(state: state.path)
        let written = try record("m", temporary: true, pid: 7, start: 9, cgroups: ["/c"])
        try add(written, to: store)
        #expect(try store.record(in: "m") == written)
    }

    @Test("an unknown machine is an error with the nearest name") func unknown() throws {
        let state = try TemporaryDirectory()
        let store = MachineStore(state: state.path)
        try add(record("centos"), to: store)
        let error = #expect(throws: ProvisionError.self) { try store.machine(named: "cento") }
        #expect(error?.code == .notFound && error?.hint == "did you mean \"centos\"?")
        #expect(throws: ProvisionError.self) { try store.machine(named: "../centos") }
    }

    @Test("a locked machine is neither removed nor started a second time, and the error names who has it") func locked() throws
    {
        let state = try TemporaryDirectory()
        let store = MachineStore(state: state.path)
        try add(record("m", pid: 4321), to: store)
        let lock = try store.lock(try MachineName("m"), words: "booted")
        let error = withExtendedLifetime(lock) { #expect(throws: ProvisionError.self) { try store.remove("m") } }
        #expect(error?.code == .conflict && error?.message.contains("4321") == true)
        #expect(try store.list().count == 1)
    }

    @Test("removing takes the directory with it") func removal() throws {
        let state = try TemporaryDirectory()
        let store = MachineStore(state: state.path)
        try add(record("m"), to: store)
        try store.remove("m")
        #expect(try store.list().isEmpty && !Files.exists(store.directory.appending("m")))
    }

    @Test("a sweep takes what killed processes left, and only that") func sweep() throws {
        let state = try TemporaryDirectory()
        let store = MachineStore(state: state.path)
        let us = try #require(ProcessStatus(of: getpid()))
        let cgroup = state.path.appending("cgroup")
        try Files.makeDirectory(cgroup.appending("payload"))
        try add(
            record("dead-run", temporary: true, pid: getpid(), start: us.startTime - 1, cgroups: [cgroup.string]), to: store)
        try add(record("dead-boot", pid: getpid(), start: us.startTime - 1), to: store)
        try add(record("living", temporary: true, pid: getpid(), start: us.startTime), to: store)
        try store.sweep()
        #expect(try store.list().map(\.record.name.text) == ["dead-boot", "living"])
        #expect(try store.machine(named: "dead-boot").record.run == nil)
        #expect(!Files.exists(cgroup) && !Files.exists(store.directory.appending("dead-run")))
    }

    @Test("a damaged record is an error that names the file, never an absent machine") func damaged() throws {
        let state = try TemporaryDirectory()
        let store = MachineStore(state: state.path)
        try Files.makeDirectory(store.directory.appending("m"))
        try Files.write("{", to: store.directory.appending("m/machine.json"))
        let error = #expect(throws: ProvisionError.self) { try store.list() }
        #expect(error?.message.contains("machine.json") == true)
    }
}
