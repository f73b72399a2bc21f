import Diagnostics
import Model
import Solving
import System
import SystemPackage
import Testing

/// Roots with a real rpm database, made by rpm as an ordinary user.
@Suite("On top of what is installed")
struct InstalledTests {
    /// base-1, shared-1 (which conflicts with "enemy") and old-1, installed.
    private static func makeRoot(_ directory: FilePath, databasePath: String) throws -> InstalledRoot {
        let specification = """
            Name: base
            Version: 1
            Release: 1
            Summary: S
            License: MIT
            BuildArch: noarch
            %description
            %package -n shared
            Summary: S
            Conflicts: enemy
            %description -n shared
            %package -n old
            Summary: S
            %description -n old
            %files
            %files -n shared
            %files -n old
            """
        let build = directory.appending("build")
        try Files.makeDirectory(build)
        try Files.write(specification, to: build.appending("base.spec"))
        try runChecked([
            "rpmbuild", "-bb", "--quiet", "--nodeps", "--define", "_topdir \(build)", "--define", "_dbpath \(build)/none",
            "\(build)/base.spec",
        ])
        let root = directory.appending("root")
        let database = FilePath(root.string + databasePath)
        try Files.makeDirectory(database)
        let rpms = try Files.names(in: build.appending("RPMS/noarch")).map { "\(build)/RPMS/noarch/\($0)" }
        try runChecked(
            [
                "rpm", "--dbpath", database.string, "--define", "_db_backend sqlite", "--justdb", "--nodeps", "--nosignature",
                "-i",
            ]
                + rpms)
        return InstalledRoot(root: root, databasePath: databasePath)
    }

    private func fixture() throws -> Fixture {
        try Fixture(
            .init("base", "1-1"), .init("base", "2-1"), .init("app", requires: ["base", "shared"]),
            .init("needs-new", requires: ["base >= 2"]), .init("new", obsoletes: ["old"]), .init("enemy"))
    }

    @Test(
        "what is installed satisfies requires and is not installed again, wherever the database lies",
        arguments: ["/var/lib/rpm", "/usr/lib/sysimage/rpm"])
    func satisfied(databasePath: String) throws {
        let fixture = try fixture()
        let root = try Self.makeRoot(fixture.directory.path, databasePath: databasePath)
        let solution = try fixture.solve("app", "shared") {
            $0.installed = root
            $0.best = false
        }
        #expect(solution.plan.packages.map(\.nevra.description) == ["app-1-1.noarch"])
        #expect(
            solution.alreadyInstalled == [
                .init(spec: "shared", package: NEVRA(name: "shared", version: "1", release: "1", arch: "noarch"))
            ])
        #expect(solution.replaced.isEmpty)
    }

    @Test("everything installed already: the plan is empty and says so")
    func nothingToDo() throws {
        let fixture = try fixture()
        let root = try Self.makeRoot(fixture.directory.path, databasePath: "/var/lib/rpm")
        let solution = try fixture.solve("shared", "base") {
            $0.installed = root
            $0.best = false
        }
        #expect(solution.plan.packages.isEmpty)
        #expect(solution.alreadyInstalled.map(\.spec) == ["shared", "base"])
    }

    @Test("an update and an obsoleted package are told as replaced")
    func replaced() throws {
        let fixture = try fixture()
        let root = try Self.makeRoot(fixture.directory.path, databasePath: "/var/lib/rpm")
        let solution = try fixture.solve("needs-new", "new") { $0.installed = root }
        #expect(
            Set(solution.plan.packages.map(\.nevra.description)) == [
                "base-2-1.noarch", "needs-new-1-1.noarch", "new-1-1.noarch",
            ])
        let replaced = Dictionary(uniqueKeysWithValues: solution.replaced.map { ($0.old.description, $0.new?.description) })
        #expect(replaced == ["base-1-1.noarch": "base-2-1.noarch", "old-1-1.noarch": "new-1-1.noarch"])
        let base = try #require(solution.plan.packages.first { $0.nevra.name == "base" })
        #expect(base.reason == .requires(capability: "base >= 2", by: "needs-new-1-1.noarch"))
    }

    @Test("a conflict with an installed package is told, and that it is installed")
    func conflictWithInstalled() throws {
        let fixture = try fixture()
        let root = try Self.makeRoot(fixture.directory.path, databasePath: "/var/lib/rpm")
        let error = try #require(try fixture.refusal("enemy") { $0.installed = root })
        #expect(error.message == "cannot install \"enemy\"")
        #expect(
            error.causes == ["shared-1-1.noarch is installed", "shared-1-1.noarch conflicts with enemy (enemy-1-1.noarch)"])
    }

    @Test("the database that is read doesn't change")
    func untouched() throws {
        let fixture = try fixture()
        let root = try Self.makeRoot(fixture.directory.path, databasePath: "/var/lib/rpm")
        let database = root.root.appending("var/lib/rpm")
        func state() throws -> [String] {
            try Files.names(in: database).map { "\($0) \(try digest(ofFileAt: database.appending($0)).digest)" }
        }
        let before = try state()
        _ = try fixture.solve("app") { $0.installed = root }
        #expect(try state() == before)
    }

    @Test("a root without a database is told as such")
    func noDatabase() throws {
        let fixture = try fixture()
        let error = try #require(
            try fixture.refusal("app") {
                $0.installed = InstalledRoot(root: fixture.directory.path, databasePath: "/var/lib/rpm")
            })
        #expect(error.code == .notFound)
    }
}
