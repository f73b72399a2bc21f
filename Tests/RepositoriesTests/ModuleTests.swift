import Diagnostics
import Testing

@testable import Repositories

@Suite("modules of a repository")
struct ModuleTests {
    private let document = """
        ---
        document: modulemd-defaults
        version: 1
        data:
          module: mariadb
          stream: "10.10"
          profiles:
            "10.10": [server]
        ...
        ---
        document: modulemd
        version: 2
        data:
          name: mariadb
          stream: 10.10
          version: 920240126110506
          context: rhel9
          static_context: true
          arch: x86_64
          dependencies:
          - requires:
              platform: [el9]
          profiles:
            server:
              rpms: [mariadb-server]
          artifacts:
            rpms:
            - mariadb-server-3:10.10-1.el9.x86_64
        ---
        document: modulemd-from-the-future
        version: 7
        data: [1, 2]
        """

    @Test("streams and defaults are read as they are written, other documents are passed over")
    func reading() throws {
        let metadata = try ModuleMetadata(parsing: Array(document.utf8), source: "modules")
        let stream = try #require(metadata.streams.first)
        #expect(metadata.streams.count == 1)
        #expect(stream.label == "mariadb:10.10")
        #expect(stream.version == 920_240_126_110_506 && stream.hasStaticContext)
        #expect(stream.requires == [["platform": ["el9"]]])
        #expect(stream.profiles == [.init(name: "server", packages: ["mariadb-server"])])
        #expect(stream.artifacts == ["mariadb-server-3:10.10-1.el9.x86_64"])
        #expect(metadata.defaults == [.init(module: "mariadb", stream: "10.10", profiles: ["10.10": ["server"]])])
    }

    @Test(
        "text that isn't YAML, or a stream without a name, is an error that names its source",
        arguments: ["data: [", "a: b\n\tc: d", "document: modulemd\nversion: 2\ndata:\n  stream: x\n  version: 1\n"])
    func damaged(text: String) throws {
        let error = #expect(throws: ProvisionError.self) {
            try ModuleMetadata(parsing: Array(text.utf8), source: "the modules file")
        }
        #expect(error?.message.contains("the modules file") == true)
    }

    @Test("aliases that stand for ever more aliases are not expanded")
    func aliasBomb() throws {
        var text = "document: modulemd-translations\nversion: 1\ndata:\n  l0: &l0 [x, x]\n"
        for level in 1...60 { text += "  l\(level): &l\(level) [*l\(level - 1), *l\(level - 1)]\n" }
        #expect(try ModuleMetadata(parsing: Array(text.utf8), source: "modules").streams.isEmpty)
    }

    @Test("a module's spec has a stream, version, context, architecture and profile, all but the name optional")
    func specs() throws {
        let full = try #require(ModuleSpec("perl:5.32:1:abc::x86_64/common"))
        #expect(full.name == "perl" && full.stream == "5.32" && full.version == "1" && full.context == "abc")
        #expect(full.arch == "x86_64" && full.profile == "common")
        #expect(ModuleSpec("perl")?.stream == nil)
        #expect(ModuleSpec("perl/common")?.profile == "common")
        #expect(ModuleSpec("perl:") == nil && ModuleSpec("") == nil && ModuleSpec("perl/") == nil)
    }

    @Test("what the cache keeps of modules is what YAML says")
    func cached() throws {
        let metadata = try ModuleMetadata(parsing: Array(document.utf8), source: "test")
        let text = try #require(ModuleCache.encode(metadata))
        #expect(ModuleCache.decode(Array(text.utf8)[...]) == metadata)
        #expect(ModuleCache.decode(Array("Z\tnonsense\n".utf8)[...]) == nil)
        var odd = metadata
        odd.streams[0].artifacts.append("a\tb")
        #expect(ModuleCache.encode(odd) == nil)
    }
}
