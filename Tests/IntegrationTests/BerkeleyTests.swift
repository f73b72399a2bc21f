import Diagnostics
import Glibc
import Installing
import Model
import System
import SystemPackage
import Testing

/// Releases whose rpm keeps a Berkeley database (EL7, EL8), which today's librpm reads and can't write.
@Suite("Berkeley databases", .serialized)
struct BerkeleyTests {
    let market: FixtureMarket
    let configuration: FilePath

    init() throws {
        market = try FixtureMarket()
        configuration = market.factory.path.appending("configuration")
        try Files.makeDirectory(configuration.appending("repos"))
        try World.makeLink(configuration.appending("config"), to: Program.checkout.appending("config"))
        try Files.write(
            """
            name = "Old Enterprise Linux"
            releasever = "8"
            architectures = ["x86_64"]
            rpmdb = { path = "/var/lib/rpm", backend = "bdb" }
            base = ["shell", "old-release"]
            patches = []

            [[keys]]
            id = "market"
            url = "file://\(market.site)/RPM-GPG-KEY-market"
            file = "RPM-GPG-KEY-market"
            fingerprint = "\(market.trusted.fingerprint)"

            [[repos]]
            id = "market"
            name = "Market"
            baseurl = ["\(market.server.url)/market/"]
            enabled = true
            gpgcheck = true
            repo_gpgcheck = true
            keys = ["market"]
            """, to: configuration.appending("repos/old.toml"))
    }

    private func program(_ name: String) throws -> Program {
        let program = Program(
            in: try market.factory.makeDirectory(name), cache: market.factory.path.appending("cache"),
            configuration: configuration)
        try Files.makeDirectory(program.state)
        try program.succeed(["release", "old"])
        return program
    }

    private func publish(_ rpm: OldRpm) throws {
        let factory = market.factory
        for package in [
            try factory.shell(), try rpm.package(factory),
            try factory.package(
                "old-release", install: "mkdir $RPM_BUILD_ROOT/etc; echo ID=old >$RPM_BUILD_ROOT/etc/os-release",
                files: ["/etc/os-release"]),
            try factory.package("goods", install: "seq 1 100 >$RPM_BUILD_ROOT/payload", files: ["/payload"]),
            try factory.package(
                "web", install: "mkdir $RPM_BUILD_ROOT/srv; echo w >$RPM_BUILD_ROOT/srv/web", files: ["/srv"],
                sections: "%post\necho post >/by-post\n", header: "Requires: goods\nRequires(post): shell"),
        ] {
            try factory.sign(package, by: market.trusted)
            try market.add(package)
        }
        try market.publish()
    }

    /// The host's rpm, told to read nothing but a Berkeley database.
    private func rpm(_ root: FilePath, _ arguments: String...) throws -> String {
        let output = try runProgram(
            ["rpm", "--root", root.string, "--dbpath", "/var/lib/rpm", "--define", "_db_backend bdb_ro"] + arguments)
        // It has more indexes than older ones, and misses those.
        let said = output.standardError.split(separator: "\n").filter { !$0.hasPrefix("warning: could not open /") }
        #expect(said == [])
        return output.text
    }

    private func database(_ root: FilePath) throws -> [String] {
        try Files.names(in: root.appending("var/lib/rpm")).filter { $0 != ".rpm.lock" }
    }

    private func backend(_ program: Program, _ layer: String) throws -> String {
        struct Document: Decodable {
            struct Database: Decodable { var backend: String }
            var database: Database
        }
        return try program.json(Document.self, ["show", layer]).database.backend
    }

    @Test(
        "the root's own rpm writes the database of a base and of an app on it; it holds what was installed, in every index",
        arguments: [OldRpm.importing, .rebuilding] + OldRpm.upstreams)
    func written(rpm old: OldRpm) throws {
        try publish(old)
        let program = try program("first")
        let base = try program.json(BuildDocument.self, ["base", "base", "shell", "old-release", "rpm"])
        #expect(base.warnings == [])
        let installed = ["old-release-1-1.noarch", "rpm-\(old.version)-1.noarch", "shell-1-1.noarch"]
        let root = FilePath(try #require(base.path))
        #expect(packageLines(try rpm(root, "-qa")) == installed)
        let all = try rpm(root, "-qa")
        #expect(all.contains("gpg-pubkey-"), "keys are in it too")
        #expect(try rpm(root, "-q", "shell") == "shell-1-1.noarch\n")
        #expect(try rpm(root, "-qf", "/bin/busybox") == "shell-1-1.noarch\n")
        #expect(try rpm(root, "-Va", "--nomtime") == "")
        let names = try database(root)
        #expect(names.contains("Packages") && names.contains("Basenames"))
        #expect(!names.contains { $0.contains("sqlite") || $0.hasPrefix(".") || $0.hasPrefix("__db") || $0 == "headers" })
        #expect(try backend(program, "base") == "bdb")
        for name in names { try runChecked(["db5.3_verify", "-o", root.appending("var/lib/rpm/\(name)").string]) }

        let app = try program.json(BuildDocument.self, ["app", "web", "--on", "base"])
        #expect(app.warnings == [])
        #expect(app.packages.map(\.name).sorted() == ["goods", "web"], "what the base holds was read from its database")
        try program.withMounted("web") { (root) throws in
            #expect(
                packageLines(try rpm(root, "-qa"))
                    == (installed + ["goods-1-1.noarch", "web-1-1.noarch"]).sorted())
            #expect(try rpm(root, "-q", "--whatrequires", "goods") == "web-1-1.noarch\n")
            #expect(try rpm(root, "-qf", "/srv/web") == "web-1-1.noarch\n")
            #expect(try rpm(root, "-Va") == "")
            #expect(try database(root).filter { $0.contains("sqlite") } == [])
        }
        if case .upstream = old { try usedByItself(program) }
        #expect(try runProgram(program.arguments(["verify", "web"])).status == .exited(0))
        // The base is as it was.
        #expect(packageLines(try rpm(root, "-qa")) == installed)

        // The same again elsewhere: the same to the byte, with files that libdb marks with time and place.
        let second = try self.program("second")
        #expect(try second.json(BuildDocument.self, ["base", "base", "shell", "old-release", "rpm"]).digest == base.digest)
        #expect(try second.json(BuildDocument.self, ["app", "web", "--on", "base"]).digest == app.digest)
    }

    /// The root's own rpm reads what it wrote, and goes on writing there, as it does in a booted machine.
    private func usedByItself(_ program: Program) throws {
        let own = try program.succeed(["run", "web", "--ephemeral", "--", "/usr/bin/rpm", "-qa", "--qf", "%{name}\\n"])
        #expect(packageLines(own).filter { $0 != "gpg-pubkey" } == ["goods", "old-release", "rpm", "shell", "web"])
        try program.succeed(["run", "web", "--machine", "m", "--", "/usr/bin/rpm", "-e", "web"])
        let left = try program.succeed(["run", "m", "--", "/usr/bin/rpm", "-qa", "--qf", "%{name}\\n"])
        #expect(packageLines(left).filter { $0 != "gpg-pubkey" } == ["goods", "old-release", "rpm", "shell"])
        let changes = try program.succeed(["diff", "m"])
        #expect(changes.contains("web-1-1.noarch"), "\(changes)")
    }

    @Test(
        "a root without an rpm of its own keeps sqlite and says so, before and after; an app that brings rpm converts all of it"
    )
    func withoutRpm() throws {
        try publish(.importing)
        let program = try program("bare")
        let planned = try program.json(BuildDocument.self, ["plan", "base", "base", "shell"])
        #expect(planned.warnings.count == 1 && planned.warnings[0].contains("will hold no rpm of its own"))
        #expect(try program.json(BuildDocument.self, ["plan", "base", "base", "shell", "old-release", "rpm"]).warnings == [])

        let base = try program.json(BuildDocument.self, ["base", "base", "shell"])
        #expect(base.warnings.count == 1 && base.warnings[0].contains("is of type sqlite, not Berkeley DB"))
        #expect(base.warnings[0].contains("the root holds no rpm of its own"))
        #expect(try backend(program, "base") == "sqlite")
        #expect(try installedPackages(in: FilePath(try #require(base.path))) == ["shell-0:1-1.noarch"])

        let app = try program.json(BuildDocument.self, ["app", "rpm", "--on", "base"])
        #expect(app.warnings == [])
        #expect(try backend(program, "rpm") == "bdb")
        try program.withMounted("rpm") { (root) throws in
            #expect(packageLines(try rpm(root, "-qa")) == ["rpm-4.14.3-1.noarch", "shell-1-1.noarch"])
            #expect(try rpm(root, "-Va") == "")
            #expect(try database(root).filter { $0.contains("sqlite") } == [])
        }
        #expect(try runProgram(program.arguments(["verify", "rpm"])).status == .exited(0))
    }

    @Test(
        "what the root's rpm can't write, or not all of, is not taken: the sqlite database stays whole, and the reason is told",
        arguments: [
            (OldRpm.forgetful, "it wrote 3 packages, not the 4 that are installed"),
            (OldRpm.failing, "cannot open Packages index"),
            (OldRpm.modern, "it wrote no Berkeley database"),
        ])
    func notWritten(rpm old: OldRpm, why: String) throws {
        try publish(old)
        let program = try program("kept")
        let base = try program.json(BuildDocument.self, ["base", "base", "shell", "old-release", "rpm"])
        #expect(base.warnings.count == 1 && base.warnings[0].contains("is of type sqlite, not Berkeley DB"))
        #expect(base.warnings[0].contains("the root's own rpm can't write it") && base.warnings[0].contains(why))
        #expect(try backend(program, "base") == "sqlite")
        let root = FilePath(try #require(base.path))
        #expect(try database(root) == ["rpmdb.sqlite"])
        #expect(try installedPackages(in: root) == ["old-release-0:1-1.noarch", "rpm-0:4.14.3-1.noarch", "shell-0:1-1.noarch"])

        let failure = try program.failure(["base", "strict", "shell", "old-release", "rpm", "--strict-scriptlets"])
        #expect(failure.status == 1 && failure.error.message == "the root's own rpm can't write its database")
        #expect(failure.error.causes.contains { $0.contains(why) })
        #expect(try program.layers().map(\.name) == ["base"])
    }

    @Test("a root's rpm that never ends is ended with all of the installation, and named")
    func neverEnding() throws {
        let fixture = try InstallFixture()
        let packages = [try fixture.factory.shell(), try OldRpm.hanging.package(fixture.factory)]
        var job = fixture.job(try packages.map { try fixture.entry($0) })
        job.database.backend = "bdb"
        job.scriptletSeconds = 2
        let error = try fixture.refusal(of: job)
        #expect(error.code == .failed && error.causes == ["waiting"])
        #expect(
            error.message.hasPrefix("the root's own rpm (rpm-4.14.3-1.noarch), which writes its database, did not end within 2")
        )
    }
}
