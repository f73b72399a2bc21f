import Testing

@testable import Containers

@Suite struct MachineNameTests {
    @Test("names that systemd takes are taken") func valid() throws {
        for name in ["demo", "centos-stream-9", "a.b", "x-1", String(repeating: "a", count: 64)] {
            #expect(try MachineName(name).text == name)
        }
    }

    @Test(
        "names that would escape the state directory, or that systemd refuses, are refused",
        arguments: [
            "", ".", "..", "a/b", "../x", "-a", "a-", "a..b", "a-.b", "a.-b", "my_layer", "ä", "a b",
            String(repeating: "a", count: 65),
        ])
    func invalid(_ name: String) {
        #expect(throws: (any Error).self) { try MachineName(name) }
    }

    @Test("a name is made of any text") func derived() {
        #expect(MachineName(derivedFrom: "libstdc++").text == "libstdc")
        #expect(MachineName(derivedFrom: "/").text == "machine")
        #expect(MachineName(derivedFrom: "my root").text == "my-root")
        #expect(MachineName(derivedFrom: "mod_ssl").text == "mod-ssl")
        #expect(MachineName(derivedFrom: "a-.-b..c").text == "a.b.c")
    }

    @Test("what was called otherwise once is still read, and nothing that leads elsewhere") func recorded() {
        #expect(MachineName(recorded: "my_layer")?.text == "my_layer")
        for name in ["", ".", "..", "a/b", "-a"] { #expect(MachineName(recorded: name) == nil) }
    }

    @Test("a temporary name keeps its number within 64 characters") func temporary() {
        let name = MachineName(temporaryFor: String(repeating: "b", count: 80), process: 4_194_304).text
        #expect(name.count == 64 && name.hasSuffix("-4194304"))
    }
}
