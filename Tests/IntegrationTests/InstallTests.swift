import Diagnostics
import Installing
import Model
import System
import SystemPackage
import Testing

@Suite("Installing packages")
struct InstallTests {
    let fixture: InstallFixture
    var factory: PackageFactory { fixture.factory }

    init() throws { fixture = try InstallFixture() }

    @Test("a package is installed into an empty root and its database is where the release wants it")
    func emptyRoot() throws {
        let package = try factory.package(
            "hello", install: "mkdir -p $RPM_BUILD_ROOT/usr/share; echo hi >$RPM_BUILD_ROOT/usr/share/hello",
            files: ["%attr(0640,root,root) /usr/share/hello"])
        let progress = RecordingProgress()
        let outcome = try fixture.install(fixture.job([try fixture.entry(package)]), progress: progress)
        #expect(outcome == InstallOutcome(installed: [NEVRA("hello-1-1.noarch")!], installedBytes: 3, warnings: []))
        #expect(try fixture.text("usr/share/hello") == "hi\n")
        #expect(try fixture.rpmQuery(fixture.root, "-qa") == "hello-1-1.noarch\n")
        #expect(try fixture.rpmQuery(fixture.root, "-Va") == "")
        #expect(!fixture.exists("root/.rpmdb"))
        #expect(
            progress.events == [
                .began(.verify, total: 1), .advanced(.verify, completed: 1, item: "hello-1-1.noarch"),
                .ended(.verify, note: "sizes, digests and signatures of 1 package"),
                .began(.install, total: 1), .advanced(.install, completed: 0, item: "hello-1-1.noarch"),
                .advanced(.install, completed: 1, item: nil), .ended(.install, note: "1 package"),
            ])
    }

    @Test("the database is parked: one file, readable from a read-only mount")
    func parkedDatabase() throws {
        try fixture.install(try factory.package("hello"))
        #expect(try Files.names(in: fixture.root.appending("var/lib/rpm")) == [".rpm.lock", "rpmdb.sqlite"])
        let output = try runChecked([
            "unshare", "-m", "sh", "-c",
            "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && rpm --root \"$1\" --dbpath /var/lib/rpm -qa",
            "sh",
            fixture.root.string,
        ])
        #expect(output.text == "hello-1-1.noarch\n")
        #expect(
            try InstallFixture.installer.installedPackages(root: fixture.root, database: InstallFixture.database)
                == [NEVRA("hello-1-1.noarch")!])
    }

    @Test("directories that a package owns where scriptlets have mounts come out as the package wants them")
    func ownedMountPoints() throws {
        let filesystem = try factory.package(
            "filesystem",
            install: "mkdir -p $RPM_BUILD_ROOT/dev $RPM_BUILD_ROOT/proc $RPM_BUILD_ROOT/sys $RPM_BUILD_ROOT/run",
            files: [
                "%dir %attr(0755,root,root) /dev", "%dir %attr(0555,root,root) /proc", "%dir %attr(0555,root,root) /sys",
                "/run",
            ],
            sections: "%post\n: >/dev/null\nmkdir /dev/made /run/made\n")
        try fixture.install(try factory.shell(), filesystem)
        #expect(try fixture.rpmQuery(fixture.root, "-Va") == "")
        #expect(try Files.names(in: fixture.root.appending("dev")) == [])
        #expect(try Files.names(in: fixture.root.appending("run")) == [], "the cage has a /run of its own")
        #expect(try runChecked(["stat", "-c", "%a", fixture.root.appending("proc").string]).text == "555\n")
    }

    @Test("mount points that no package owns are gone again")
    func foreignMountPoints() throws {
        let probe = try factory.package("probe", sections: "%post\ncat /proc/1/comm >/seen\n")
        try fixture.install(try factory.shell(), probe)
        #expect(try Files.names(in: fixture.root) == ["bin", "seen", "var"])
    }

    @Test("upgrades replace what an earlier transaction installed")
    func upgrade() throws {
        try fixture.install(try factory.package("tool", version: "1", install: "echo 1 >$RPM_BUILD_ROOT/one", files: ["/one"]))
        try fixture.install(try factory.package("tool", version: "2", install: "echo 2 >$RPM_BUILD_ROOT/two", files: ["/two"]))
        #expect(try fixture.rpmQuery(fixture.root, "-qa") == "tool-2-1.noarch\n")
        #expect(!fixture.exists("one") && fixture.exists("two"))
    }

    @Test("file capabilities are set")
    func capabilities() throws {
        let package = try factory.package(
            "ping", install: "mkdir $RPM_BUILD_ROOT/bin; echo x >$RPM_BUILD_ROOT/bin/ping",
            files: ["%caps(cap_net_raw=ep) %attr(0755,root,root) /bin/ping"])
        try fixture.install(package)
        #expect(try runChecked(["getcap", fixture.root.appending("bin/ping").string]).text.hasSuffix("cap_net_raw=ep\n"))
    }

    @Test("documentation and other languages are left out when asked")
    func leftOut() throws {
        let package = try factory.package(
            "talk",
            install: "mkdir $RPM_BUILD_ROOT/d; touch $RPM_BUILD_ROOT/d/readme $RPM_BUILD_ROOT/d/de $RPM_BUILD_ROOT/d/en",
            files: ["%doc /d/readme", "%lang(de) /d/de", "%lang(en) /d/en"])
        var job = fixture.job([try fixture.entry(package)])
        job.noDocs = true
        job.languages = ["en"]
        try fixture.install(job)
        #expect(try Files.names(in: fixture.root.appending("d")) == ["en"])
    }

    @Test("a package whose dependency is missing stops the transaction before anything of it has run")
    func missingDependency() throws {
        let script = """
            %pretrans -p <lua>
            io.open("/ran", "w"):close()
            """
        try fixture.install(try factory.package("social", sections: script))
        #expect(Files.exists(fixture.root.appending("ran")))
        try Files.remove(fixture.root.appending("ran"))
        for sections in [script, ""] {
            let package = try factory.package(
                "lonely", install: "touch $RPM_BUILD_ROOT/laid", files: ["/laid"], sections: sections,
                header: "Requires: friend\nConflicts: social")
            let error = try fixture.refusal(of: fixture.job([try fixture.entry(package)]))
            #expect(error.code == .unsatisfiable)
            #expect(
                error.causes == ["friend is needed by lonely-1-1.noarch", "social conflicts with lonely-1-1.noarch"])
            #expect(!Files.exists(fixture.root.appending("ran")) && !Files.exists(fixture.root.appending("laid")))
        }
    }

    @Test("two packages that hold the same file differently are refused")
    func fileConflict() throws {
        let packages = try ["a", "b"].map {
            try fixture.entry(try factory.package($0, install: "echo \($0) >$RPM_BUILD_ROOT/same", files: ["/same"]))
        }
        let error = try fixture.refusal(of: fixture.job(packages))
        #expect(error.code == .failed)
        #expect(error.causes.count == 1 && error.causes[0].contains("/same conflicts"), "\(error)")
    }

    @Test("an overlay root gets the whole database in its upper layer, and the lower one stays as it is")
    func overlay() throws {
        try fixture.install(try factory.package("base", install: "echo b >$RPM_BUILD_ROOT/base", files: ["/base"]))
        let before = try digest(ofFileAt: fixture.root.appending("var/lib/rpm/rpmdb.sqlite")).digest
        let upper = try factory.makeDirectory("upper")
        let merged = try factory.makeDirectory("merged")
        let overlay = OverlayMount(lower: [fixture.root], upper: upper, work: try factory.makeDirectory("work"))
        try overlay.mount(at: merged)
        defer { #expect(throws: Never.self) { try unmount(merged) } }
        var job = fixture.job([
            try fixture.entry(try factory.package("app", install: "echo a >$RPM_BUILD_ROOT/app", files: ["/app"]))
        ])
        job.root = merged.string
        job.overlay = true
        try fixture.install(job)
        #expect(
            try fixture.rpmQuery(merged, "-qa", "--queryformat", "%{name} ").split(separator: " ").sorted() == ["app", "base"])
        #expect(try Files.names(in: upper) == ["app", "var"])
        #expect(try Files.names(in: upper.appending("var/lib/rpm")) == [".rpm.lock", "rpmdb.sqlite"])
        #expect(try digest(ofFileAt: fixture.root.appending("var/lib/rpm/rpmdb.sqlite")).digest == before)
    }

    @Test("a Berkeley DB target is told what it got instead")
    func berkeleyDatabase() throws {
        var job = fixture.job([try fixture.entry(try factory.package("hello"))])
        job.database.backend = "bdb"
        let outcome = try fixture.install(job)
        #expect(outcome.warnings.count == 1 && outcome.warnings[0].contains("is of type sqlite, not Berkeley DB"))
        #expect(outcome.databaseBackend == "sqlite")
    }

    @Test("a backend that this librpm lacks is refused instead of installing without a database")
    func unknownBackend() throws {
        var job = fixture.job([try fixture.entry(try factory.package("hello"))])
        job.database.backend = "ndb"
        let error = try fixture.refusal(of: job)
        #expect(error.code == .unsupported)
        #expect(!fixture.exists("usr"))
    }
}
