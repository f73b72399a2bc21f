import Diagnostics
import SystemPackage
import Testing

@testable import Containers

@Suite struct OptionParsingTests {
    @Test("bind mounts: source alone, both, read-only, relative to the working directory") func binds() throws {
        func bind(_ text: String) throws -> BindMount { try BindMount(parsing: text, workingDirectory: "/work") }
        #expect(try bind("/a") == BindMount(source: "/a", destination: "/a", readOnly: false))
        #expect(try bind("/a:/b") == BindMount(source: "/a", destination: "/b", readOnly: false))
        #expect(try bind("/a:/b:ro") == BindMount(source: "/a", destination: "/b", readOnly: true))
        #expect(try bind("../d:ro") == BindMount(source: "/d", destination: "/d", readOnly: true))
    }

    @Test(
        "bind mounts of another form are refused", arguments: ["", ":/b", "/a:b", "/a:/b:/c", "/a:/", "/a:/x/..", "/a:/b:rx"])
    func badBinds(_ text: String) {
        #expect(throws: ProvisionError.self) { try BindMount(parsing: text, workingDirectory: "/work") }
    }

    @Test("capabilities in any spelling; the last word about one counts") func capabilities() throws {
        var changes = CapabilityChanges()
        for word in ["+NET_ADMIN", "-cap_net_admin", "-sys_admin", "+CAP_SYS_PTRACE"] { try changes.apply(word) }
        #expect(changes.added == ["SYS_PTRACE"] && changes.dropped == ["NET_ADMIN", "SYS_ADMIN"])
        try changes.apply("-all")
        #expect(changes.arguments == ["--drop-capability=all"])
    }

    @Test("an unknown capability is refused with the nearest name") func unknownCapability() {
        var changes = CapabilityChanges()
        let error = #expect(throws: ProvisionError.self) { try changes.apply("+NET_ADMON") }
        #expect(error?.hint == "did you mean +NET_ADMIN?")
        #expect(throws: ProvisionError.self) { try changes.apply("NET_ADMIN") }
    }

    @Test("a machine keeps its changes unless told otherwise; a command that names no machine makes none") func storage() {
        typealias Storage = ContainerSpecification.Storage
        #expect(Storage.chosen(for: .boot, machineIsNamed: false, ephemeral: false) == .kept)
        #expect(Storage.chosen(for: .boot, machineIsNamed: true, ephemeral: true) == .ephemeral)
        #expect(Storage.chosen(for: .run(["x"]), machineIsNamed: false, ephemeral: false) == .ephemeral)
        #expect(Storage.chosen(for: .run(["x"]), machineIsNamed: true, ephemeral: false) == .kept)
        #expect(Storage.chosen(for: .run(["x"]), machineIsNamed: true, ephemeral: true) == .ephemeral)
    }
}
