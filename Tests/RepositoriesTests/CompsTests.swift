import Diagnostics
import System
import SystemPackage
import Testing

@testable import Repositories

@Suite("comps.xml")
struct CompsTests {
    private let document = """
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
        <comps>
          <group>
            <id>core</id><name>Core</name><name xml:lang="de">Kern</name><description>Smallest</description>
            <default>true</default><uservisible>false</uservisible><langonly>de</langonly><display_order>5</display_order>
            <packagelist>
              <packagereq type="mandatory">bash</packagereq>
              <packagereq type="default" basearchonly="true">vim</packagereq>
              <packagereq type="optional">nano</packagereq>
              <packagereq type="conditional" requires="kde">kdebash</packagereq>
              <packagereq>plain</packagereq>
            </packagelist>
          </group>
          <group><id>extra</id><name/><packagelist/></group>
          <environment>
            <id>server</id><name>Server</name>
            <grouplist><groupid>core</groupid></grouplist>
            <optionlist><groupid default="true">extra</groupid><groupid>more</groupid></optionlist>
          </environment>
          <category><id>apps</id><name>Apps</name><grouplist><groupid>extra</groupid></grouplist></category>
          <langpacks><match install="libreoffice-langpack-%s" name="libreoffice"/></langpacks>
        </comps>
        """

    @Test("groups with members of each kind, environments, categories and language packs")
    func parses() throws {
        let comps = try Comps(parsing: Array(document.utf8), source: "comps")
        let core = try #require(comps.group("core"))
        #expect(core.name == Comps.Text(text: "Core", translations: ["de": "Kern"]))
        #expect((core.isDefault, core.isVisible, core.language, core.displayOrder) == (true, false, "de", 5))
        #expect(core.members.map(\.name) == ["bash", "vim", "nano", "kdebash", "plain"])
        #expect(core.members.map(\.kind) == [.mandatory, .default, .optional, .conditional, .mandatory])
        #expect(core.members[1].isBaseArchitectureOnly && core.members[3].requires == "kde")
        #expect(comps.group("extra")?.isVisible == true)
        let server = try #require(comps.environment("server"))
        #expect(server.groupIDs == ["core"])
        #expect(server.options == [.init(groupID: "extra", isDefault: true), .init(groupID: "more", isDefault: false)])
        #expect(comps.categories.map(\.groupIDs) == [["extra"]])
        #expect(comps.langpacks == ["libreoffice": "libreoffice-langpack-%s"])
    }

    @Test("packed files are unpacked by what they are", arguments: ["gzip", "xz", "zstd", "bzip2"])
    func unpacks(program: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("comps.xml.packed")
        try Files.write(try runChecked([program, "-c"], input: Array(document.utf8)).standardOutput, to: path)
        #expect(try Decompression.read(path) == Array(document.utf8))
    }

    @Test("a file that unpacks to more than the limit is refused")
    func bomb() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("bomb.gz")
        try Files.write(try runChecked(["gzip", "-c"], input: [UInt8](repeating: 0, count: 4 << 20)).standardOutput, to: path)
        #expect(throws: ProvisionError.self) { try Decompression.read(path, limit: 1 << 20) }
    }

    @Test("a damaged file is an error, not an empty one")
    func damaged() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("cut.gz")
        let packed = try runChecked(["gzip", "-c"], input: Array(document.utf8)).standardOutput
        try Files.write(Array(packed.prefix(packed.count / 2)), to: path)
        #expect(throws: ProvisionError.self) { try Decompression.read(path) }
    }

    @Test("what two repositories say of one group is added up, the later one's word counting")
    func merging() throws {
        var comps = try Comps(parsing: Array(document.utf8), source: "comps")
        let other = """
            <comps><group><id>core</id><name>Later</name><packagelist><packagereq type="optional">bash</packagereq>
            <packagereq>zsh</packagereq></packagelist></group>
            <group><id>third</id></group></comps>
            """
        comps.merge(try Comps(parsing: Array(other.utf8), source: "comps"))
        #expect(comps.groups.map(\.id) == ["core", "extra", "third"])
        #expect(comps.group("core")?.members.map(\.name).suffix(2) == ["plain", "zsh"])
        #expect(comps.group("core")?.members.first { $0.name == "bash" }?.kind == .optional)
        #expect(comps.group("core")?.name.text == "Later")
    }
}
