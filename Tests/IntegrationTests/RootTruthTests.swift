import Diagnostics
import Foundation
import Installing
import Model
import System
import SystemPackage
import Testing

/// The tree and the database that come out, path by path against `rpm -U --root` of the same files.
@Suite("A root's truth", .serialized)
struct RootTruthTests {
    let fixture: InstallFixture
    let oracle: FilePath
    var factory: PackageFactory { fixture.factory }

    init() throws {
        fixture = try InstallFixture()
        oracle = try fixture.factory.makeDirectory("oracle")
    }

    /// Users first, as `setup` has them.
    private func accounts() throws -> FilePath {
        try factory.package(
            "accounts",
            install: """
                mkdir -p $RPM_BUILD_ROOT/etc
                printf 'root:x:0:0:root:/root:/bin/sh\\nsvc:x:71:72::/:/bin/sh\\n' >$RPM_BUILD_ROOT/etc/passwd
                printf 'root:x:0:\\nsvc:x:72:\\n' >$RPM_BUILD_ROOT/etc/group
                """, files: ["/etc/passwd", "/etc/group"])
    }

    /// All that a package can hold.
    private func everything(version: String) throws -> FilePath {
        try factory.package(
            "everything", version: version,
            install: """
                cd $RPM_BUILD_ROOT
                mkdir -p usr/bin usr/share/doc/e usr/share/locale/de usr/share/locale/en etc/e var/e usr/lib/trig old
                cp $(which busybox) usr/bin/capped; cp $(which busybox) usr/bin/setuid
                echo linked \(version) >usr/lib/one; ln usr/lib/one usr/lib/two; ln usr/lib/one usr/bin/three
                truncate -s 8M var/sparse; echo end >>var/sparse
                ln -s ../usr/lib/one etc/link; ln -s /nowhere etc/dangling
                echo doc >usr/share/doc/e/README; echo de >usr/share/locale/de/m; echo en >usr/share/locale/en/m
                for f in plain noreplace same; do echo $f \(version) >etc/e/$f; done; echo same >etc/e/same
                echo t >usr/lib/trig/file; echo n >"usr/lib/Főtan ú.pem"; : >usr/lib/empty
                touch -d '2001-02-03 04:05:06' usr/lib/one old etc/e; touch -h -d '2002-03-04' etc/link
                """,
            files: [
                "%attr(755,root,root) %caps(cap_net_raw=ep) /usr/bin/capped", "%attr(4750,root,svc) /usr/bin/setuid",
                "/usr/lib/one",
                "/usr/lib/two", "/usr/bin/three", "/var/sparse", "/etc/link", "/etc/dangling", "%doc /usr/share/doc/e",
                "%lang(de) /usr/share/locale/de/m", "%lang(en) /usr/share/locale/en/m", "%dir %attr(2770,svc,svc) /etc/e",
                "%config /etc/e/plain", "%config(noreplace) /etc/e/noreplace", "%config /etc/e/same",
                "%ghost %attr(600,svc,svc) /var/e/ghost", "%dir %attr(1777,root,root) /var/e", "/usr/lib/trig/file",
                "\"/usr/lib/Főtan ú.pem\"", "/usr/lib/empty", "%dir /old",
            ],
            sections: """
                %pre
                echo pre $1 >>/log
                %post
                echo post $1 >>/log
                %preun
                echo preun $1 >>/log
                %postun
                echo postun $1 >>/log
                %pretrans -p <lua>
                x = 1
                %posttrans
                echo posttrans $1 >>/log
                """, header: "Requires(pre): /bin/sh accounts\nRequires: accounts")
    }

    /// Triggers of all kinds on what `everything` brings.
    private func triggers() throws -> FilePath {
        try factory.package(
            "triggers",
            sections: """
                %triggerin -- everything
                echo triggerin $1 $2 >>/log
                %triggerun -- everything
                echo triggerun $1 $2 >>/log
                %triggerpostun -- everything
                echo triggerpostun $1 $2 >>/log
                %filetriggerin -- /usr/lib/trig
                echo filetriggerin $(cat) >>/log
                %transfiletriggerin -- /usr/lib
                echo transfiletriggerin $(cat) >>/log
                %filetriggerpostun -- /usr/lib/trig
                echo filetriggerpostun $(cat) >>/log
                """, header: "Requires: /bin/sh")
    }

    private func rpm(_ packages: [FilePath], _ options: [String] = []) throws {
        try runChecked(
            [
                "rpm", "-U", "--root", oracle.string, "--define", "_dbpath /var/lib/rpm", "--define", "_db_backend sqlite",
                "--noplugins",
                "--nosignature", "--define", "_transaction_color 3", "--define", "_prefer_color 2",
            ] + options + packages.map(\.string))
    }

    /// Of a tree, as programs outside of provision see it: a line a path. Times from now stand for what nobody fixed.
    private func listing(_ root: FilePath) throws -> [String: String] {
        var entries: [String: String] = [:]
        let began = Int(Date().timeIntervalSince1970) - 3600
        let found = try runChecked([
            "find", root.string, "-mindepth", "1", "-path", "*/var/lib/rpm/*", "-prune", "-o", "-printf",
            "%P\\t%y %m %U:%G links %n\\t%s\\t%l\\t%T@\\n",
        ]).text
        for line in found.split(separator: "\n") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            let isDirectory = fields[1].hasPrefix("d")
            let time = Int(fields[4].prefix { $0 != "." })!
            entries[fields[0]] = [
                fields[1], isDirectory ? "" : fields[2], fields[3], time > began ? "now" : String(time),
            ].joined(separator: " ")
        }
        let script = "cd \"$1\" && find . -path ./var/lib/rpm -prune -o -type f -print0 | sort -z | xargs -0 sha256sum"
        for line in try runChecked(["sh", "-c", script, "sh", root.string]).text.split(separator: "\n") {
            entries["sum " + line.dropFirst(66)] = String(line.prefix(64))
        }
        entries["attributes"] = try runChecked([
            "sh", "-c", "cd \"$1\" && getfattr -R -h -d -m - -e hex . | grep -v '^$'; true", "sh", root.string,
        ]).text
        return entries
    }

    /// What the database says of packages, their files and files' states.
    private func database(_ root: FilePath) throws -> [String] {
        let format =
            "[%{=NAME}-%{=VERSION} %{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILEFLAGS} %{FILESTATES} %{FILECAPS} %{FILEDIGESTS}\\n]%{NAME}-%{VERSION}-%{RELEASE} %{INSTALLCOLOR}\\n"
        return try runChecked(["rpm", "--root", root.string, "--dbpath", "/var/lib/rpm", "-qa", "--qf", format]).text
            .split(separator: "\n").map(String.init).sorted()
    }

    private func expectEqual(_ what: Comment) throws {
        let (ours, theirs) = (try listing(fixture.root), try listing(oracle))
        for path in Set(ours.keys).union(theirs.keys).sorted() where ours[path] != theirs[path] {
            Issue.record("\(path): \(ours[path] ?? "missing"), rpm: \(theirs[path] ?? "missing"); \(what)")
        }
        #expect(try database(fixture.root) == database(oracle), what)
    }

    @Test(
        "install, then upgrade over edited configuration: all that a package can hold, and every scriptlet and trigger, as rpm does it"
    )
    func asRPM() throws {
        let first = [try factory.shell(), try accounts(), try triggers(), try everything(version: "1")]
        #expect(try fixture.install(fixture.job(try first.map { try fixture.entry($0) })).warnings == [])
        try rpm(first)
        try expectEqual("install")
        for root in [fixture.root, oracle] {
            for file in ["plain", "noreplace"] { try Files.write("edited\n", to: root.appending("etc/e/\(file)")) }
        }
        let second = try everything(version: "2")
        try fixture.install(second)
        try rpm([second])
        try expectEqual("upgrade")
        #expect(fixture.exists("etc/e/noreplace.rpmnew") && fixture.exists("etc/e/plain.rpmsave"))
        let log = try fixture.text("log")
        for word in [
            "pre 1", "posttrans 1", "pre 2", "preun 1", "postun 1", "triggerin 1 1", "filetriggerin /usr/lib/trig/file",
            "transfiletriggerin",
        ] {
            #expect(log.contains(word), "\(word) in \(log)")
        }
    }

    @Test("without documentation and with one language, as rpm does it")
    func docsAndLanguages() throws {
        let packages = [try factory.shell(), try accounts(), try everything(version: "1")]
        var job = fixture.job(try packages.map { try fixture.entry($0) })
        job.noDocs = true
        job.languages = ["en"]
        try fixture.install(job)
        try rpm(packages, ["--excludedocs", "--define", "_install_langs en"])
        try expectEqual("--no-docs --langs en")
        #expect(!fixture.exists("usr/share/doc/e/README") && !fixture.exists("usr/share/locale/de/m"))
        #expect(fixture.exists("usr/share/locale/en/m"))
    }

    @Test("users that a package declares, as rpm 4.19 reads them, own its files")
    func declaredUsers() throws {
        let line = Data("u web 77 \"Web\" /srv".utf8).base64EncodedString().filter { $0 != "=" }
        let member = Data("m web svc -".utf8).base64EncodedString().filter { $0 != "=" }
        let declaring = try factory.package(
            "declaring", install: "mkdir $RPM_BUILD_ROOT/srv; echo x >$RPM_BUILD_ROOT/srv/page",
            files: ["%attr(640,web,web) /srv/page"],
            header:
                "Provides: user(web) = \(line)\nProvides: group(web)\nProvides: groupmember(web/svc) = \(member)\nRequires: accounts"
        )
        let outcome = try fixture.install(try accounts(), declaring)
        #expect(outcome.warnings == [])
        #expect(try fixture.text("etc/passwd").hasSuffix("web:x:77:77:Web:/srv:/usr/sbin/nologin\n"))
        #expect(try fixture.text("etc/group") == "root:x:0:\nsvc:x:72:web\nweb:x:77:\n")
        #expect(try listing(fixture.root)["srv/page"]?.hasPrefix("f 640 77:77 ") == true)
    }
}
