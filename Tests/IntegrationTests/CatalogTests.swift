import Foundation
import System
import SystemPackage
import Testing

/// What `repos`, `groups`, `search`, `info` and `plan --why` say of the demo distribution.
@Suite("Looking into repositories")
struct CatalogTests {
    private struct Repositories: Decodable {
        struct Repository: Decodable {
            var id: String
            var enabled: Bool
            var packages: Int?
            var checksPackages: Bool
        }
        var repositories: [Repository]
    }

    private struct Groups: Decodable {
        struct Group: Decodable {
            struct Member: Decodable {
                var name: String
                var kind: String
            }
            var id: String
            var visible: Bool
            var members: [Member]
        }
        var groups: [Group]
    }

    private struct Packages: Decodable {
        struct Package: Decodable {
            struct Identity: Decodable { var name: String }
            var nevra: Identity
            var repository: String
            var notInstallable: String?
        }
        var packages: [Package]
    }

    private func program() throws -> Program { try World.program("catalog-\(UUID().uuidString)") }

    @Test("repositories: those that are on with what they hold, the others only when asked for")
    func repositories() throws {
        let program = try program()
        let some = try program.json(Repositories.self, ["repos"])
        #expect(some.repositories.map(\.id) == ["demo-os"])
        let files = try Files.names(in: World.demo.appending("os/x86_64/Packages")).filter { $0.hasSuffix(".rpm") }
        #expect(some.repositories.first?.packages == files.count)
        let all = try program.json(Repositories.self, ["repos", "--all"])
        #expect(all.repositories.map(\.enabled) == [true, false])
        #expect(all.repositories.last?.packages == nil)
    }

    @Test("repositories: one that can't be loaded doesn't hide the others")
    func unreachableRepository() throws {
        let program = try program()
        let output = try program.run("repos", "--repo", "gone=file:///nowhere")
        #expect(output.status == .exited(5))
        #expect(String(decoding: output.standardOutput, as: UTF8.self).matches(of: #/demo-os +on +\d+/#).count == 1)
        #expect(String(decoding: output.standardOutput, as: UTF8.self).matches(of: #/gone +fails/#).count == 1)
        #expect(output.standardError.contains("error: cannot load repository \"gone\"\n  - "))
        let document = try program.run("repos", "--repo", "gone=file:///nowhere", "--json")
        #expect(document.status == .exited(5))
        #expect(String(decoding: document.standardOutput, as: UTF8.self).matches(of: #/"code" *: *"unreachable"/#).count == 1)
    }

    @Test("plan --why may be repeated, and knows its own name in its usage")
    func whyTwice() throws {
        let program = try program()
        let output = try program.succeed(["plan", "base", "x", "vsftpd", "--why", "glibc", "--why", "pam"])
        #expect(output.contains("glibc") && output.contains("pam"))
        let wrong = try program.run("plan", "base", "--bogus")
        #expect(wrong.standardError.contains("Usage: provision plan base [<"))
        let each = try program.run("plan", "app", "a", "b", "--on", "base", "--each")
        #expect(each.status == .exited(2))
    }

    @Test("groups: all in a list, one in full, and the nearest id for one that isn't there")
    func groups() throws {
        let program = try program()
        let all = try program.json(Groups.self, ["groups"])
        #expect(all.groups.map(\.id).contains("core"))
        let core = try program.json(Groups.self, ["groups", "core"])
        #expect(core.groups.first?.members.contains { $0.name == "bash" && $0.kind == "mandatory" } == true)
        let wrong = try program.run("groups", "cores")
        #expect(wrong.status == .exited(1))
        #expect(wrong.standardError.contains("did you mean \"core\"?"))
    }

    @Test("search: the very name comes first")
    func search() throws {
        let hits = try program().json(Packages.self, ["search", "ftp"])
        #expect(hits.packages.first?.nevra.name == "ftp")
        #expect(hits.packages.map(\.nevra.name).contains("vsftpd"))
    }

    @Test("info: a hidden package is shown with what hides it")
    func info() throws {
        let program = try program()
        let plain = try program.json(Packages.self, ["info", "vsftpd"])
        #expect(plain.packages.map(\.repository) == ["demo-os"])
        #expect(plain.packages.first?.notInstallable == nil)
        let hidden = try program.json(Packages.self, ["info", "vsftpd", "--exclude", "vs*"])
        #expect(hidden.packages.first?.notInstallable == "excluded by \"vs*\"")
    }

    @Test("plan --why: the chain begins with what was asked for")
    func why() throws {
        let output = try program().run("plan", "base", "--name", "x", "vsftpd", "--why", "glibc")
        #expect(output.status.succeeded, "\(output.standardError)")
        #expect(output.text.hasPrefix("vsftpd-"))
        #expect(output.text.split(separator: "\n").last?.contains("  glibc-") == true)
    }

    @Test("info tells what advisories say of the very version, and goes on without them where they can't be had")
    func advisories() throws {
        struct Document: Decodable {
            struct Package: Decodable {
                struct Advisory: Decodable { var id, type, severity, title: String }
                var advisories: [Advisory]
            }
            var packages: [Package]
        }
        let factory = try PackageFactory()
        let repository = try factory.makeDirectory("repo")
        for version in ["1", "2"] {
            let file = try factory.package("tool", version: version)
            try Files.copyContents(file, to: repository.appending(file.lastComponent!))
        }
        try runChecked(["createrepo_c", "--quiet", repository.string])
        try Files.write(
            """
            <updates><update from="a@b" status="final" type="security" version="1"><id>TEST-2024-1</id>
            <title>Mend tool</title><severity>Important</severity><issued date="2024-02-01 00:00:00"/><pkglist><collection short="T">
            <package name="tool" version="2" release="1" epoch="0" arch="noarch"><filename>x</filename></package>
            </collection></pkglist></update></updates>
            """, to: factory.path.appending("updateinfo.xml"))
        try runChecked(["modifyrepo_c", factory.path.appending("updateinfo.xml").string, "\(repository)/repodata"])
        let configuration = factory.path.appending("yum.conf")
        try Files.write("[r]\nname=r\nbaseurl=file://\(repository)\ngpgcheck=0\n", to: configuration)
        let program = Program(in: try factory.makeDirectory("provision"))
        let newest = try program.json(Document.self, ["info", "tool", "-c", configuration.string]).packages
        #expect(newest.map { $0.advisories.map(\.id) } == [["TEST-2024-1"]])
        #expect(try program.json(Document.self, ["info", "tool-1", "-c", configuration.string]).packages[0].advisories.isEmpty)
        let text = try program.succeed(["info", "tool", "-c", configuration.string])
        #expect(text.contains("TEST-2024-1, security, important: Mend tool"))
        // A plan doesn't fetch them; info says that they can't be had.
        let name = try #require(try Files.names(in: repository.appending("repodata")).first { $0.contains("updateinfo") })
        try Files.remove(repository.appending("repodata").appending(name))
        try Files.remove(program.cache)
        try program.succeed(["plan", "base", "t", "tool", "-c", configuration.string])
        let without = try program.run("info", "tool", "-c", configuration.string)
        #expect(without.status == .exited(0))
        #expect(without.standardError.contains("the advisories of repository \"r\" can't be had"))
    }

    @Test("a plan's table ends at the terminal's edge, and is whole in a file")
    func planWidth() throws {
        let program = try program()
        let words = program.arguments(["plan", "base", "--group", "core"])
        let whole = try runChecked(words).text
        #expect(whole.split(separator: "\n").contains { $0.count > 60 })
        let typist = try Typist(["sh", "-c", "stty cols 60; exec \"$@\"", "sh"] + words)
        let screen = try typist.expect(" installed")
        let lines = screen.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("  ") }
        #expect(lines.count > 100)
        #expect(lines.allSatisfy { $0.count <= 60 }, "\(lines.first { $0.count > 60 } ?? "")")
    }

    @Test("a package of a repository that is switched off: the refusal says where it is, if that is known without asking")
    func disabled() throws {
        let factory = try PackageFactory()
        let repository = try factory.makeDirectory("extra")
        let file = try factory.package("only-there")
        try Files.copyContents(file, to: repository.appending(file.lastComponent!))
        try runChecked(["createrepo_c", "--quiet", repository.string])
        let configuration = factory.path.appending("yum.conf")
        try Files.write(
            """
            [demo-os]
            name=demo
            baseurl=file://\(World.demo)/os/x86_64/
            gpgcheck=0
            [extra]
            name=extra
            baseurl=file://\(repository)
            gpgcheck=0
            enabled=0
            """, to: configuration)
        let program = try program()
        let unknown = try program.run("plan", "base", "--name", "x", "only-there", "-c", configuration.string)
        #expect(unknown.status == .exited(3))
        #expect(!unknown.standardError.contains("--enable-repo extra"))
        _ = try program.run("repos", "-c", configuration.string, "--enable-repo", "extra")
        let known = try program.run("plan", "base", "--name", "x", "only-there", "-c", configuration.string)
        #expect(known.status == .exited(3))
        #expect(
            known.standardError.contains("repository \"extra\" has \"only-there\" and is switched off: add --enable-repo extra")
        )
    }
}
