import Testing

@testable import Containers

@Suite struct MachineNameTests {
    @Test("names that systemd takes are taken") func valid() throws {
        for name in ["demo", "centos-stream-9", "a.b", "x_1", String(repeating: "a", count: 64)] {
            #expect(try MachineName(name).text == name)
        }
    }

    @Test(
        "names that would escape the state directory, or that systemd refuses, are refused",
        arguments: ["", ".", "..", "a/b", "../x", "-a", "a-", "a..b", "ä", "a b", String(repeating: "a", count: 65)])
    func invalid(_ name: String) {
        #expect(throws: (any Error).self) { try MachineName(name) }
    }

    @Test("a name is made of any text") func derived() {
        #expect(MachineName(derivedFrom: "libstdc++").text == "libstdc")
        #expect(MachineName(derivedFrom: "/").text == "machine")
        #expect(MachineName(derivedFrom: "my root").text == "my-root")
    }

    @Test("a temporary name keeps its number within 64 characters") func temporary() {
        let name = MachineName(temporaryFor: String(repeating: "b", count: 80), process: 4_194_304).text
        #expect(name.count == 64 && name.hasSuffix("-4194304"))
    }
}
