import System
import SystemPackage
import Testing

extension EndToEnd {
    /// A core system as rpm, dnf and the system's own tools see it.
    @Suite struct InstalledRootTests {
        @Test("the host's rpm, the root's own rpm and dnf list the packages of the plan")
        func packages() throws {
            let (program, answer) = try World.core.get()
            let planned = answer.packages.map(\.label).sorted()
            #expect(planned.count > 150)
            #expect(try program.withMounted("base", installedPackages) == planned)
            let format = "%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\\n"
            #expect(packageLines(try program.succeed(["run", "base", "--", "rpm", "-qa", "--qf", format])) == planned)
            #expect(try installedPackages(in: try World.dnfRoot.get()) == planned)
        }

        @Test("the imported key is in the root's database, so that the root's own tools trust what comes later")
        func importedKey() throws {
            let (program, _) = try World.core.get()
            let fingerprint = try Files.readText(World.demo.appending("fingerprint")).filter { !$0.isWhitespace }
            let keys = try program.succeed(["run", "base", "--", "rpm", "-q", "gpg-pubkey"])
            #expect(keys.hasPrefix("gpg-pubkey-\(fingerprint.suffix(8).lowercased())-"))
        }

        @Test("rpm -Va shows only what patches and scriptlets are meant to change")
        func verification() throws {
            let meant = [
                "/etc/securetty": "securetty: the container's terminals",
                "/etc/pam.d/login": "pam-selinux, pam-loginuid: neither works in a container",
                "/etc/pam.d/sshd": "pam-selinux, pam-loginuid",
                "/etc/pam.d/cron": "pam-loginuid",
                "/etc/pam.d/atd": "pam-loginuid",
            ]
            let (program, answer) = try World.core.get()
            let lines = try program.withMounted("base") { root in
                try runProgram(["rpm", "--root", root.string, "--dbpath", "/var/lib/rpm", "-Va"]).text
            }.split(separator: "\n").map(String.init)
            let changed = lines.map { String($0[($0.firstIndex(of: "/") ?? $0.startIndex)...]) }
            #expect(changed.sorted() == meant.keys.sorted())
            // Content, not owner or mode; times too, unless the build's time is the package's.
            #expect(lines.allSatisfy { $0.hasPrefix("S.5....T.  c ") || $0.hasPrefix("S.5......  c ") }, "\(lines)")
            let applied = answer.patches.filter { $0.outcome == "applied" }.map(\.name)
            #expect(Set(applied).isSuperset(of: ["securetty", "pam-selinux", "pam-loginuid", "root-password"]))
        }

        @Test("the installed tree equals dnf's path by path, but for a list with reasons")
        func equalToDnf() throws {
            let (program, _) = try World.core.get()
            let theirs = try TreeListing(of: try World.dnfRoot.get())
            let differences = try program.withMounted("base") { try TreeListing(of: $0) }.differences(from: theirs)
            #expect(theirs.entries.count > 5000)
            var unused = Set(Difference.meant.filter { !$0.mayBeEqual }.map(\.path))
            for (path, sides) in differences.sorted(by: { $0.key < $1.key }) {
                guard let known = Difference.meant.first(where: { $0.covers(path) }) else {
                    Issue.record("\(path) differs\nours:  \(sides.ours)\ndnf's: \(sides.theirs)")
                    continue
                }
                unused.remove(known.path)
                if known.onlyTheirs { #expect(sides.ours == "missing", "\(path): \(known.reason)") }
            }
            #expect(unused.isEmpty, "listed as different, but the same")
        }

        @Test("users and groups are dnf's, whatever the order in which scriptlets added them", arguments: ["group", "passwd"])
        func accounts(file: String) throws {
            let (program, _) = try World.core.get()
            func lines(_ root: FilePath) throws -> [Substring] {
                try Files.readText(root.appending("etc").appending(file)).split(separator: "\n").sorted()
            }
            #expect(try program.withMounted("base", lines) == lines(try World.dnfRoot.get()))
        }
    }
}

/// A path in which our root may differ from dnf's.
private struct Difference {
    var path: String
    var reason: String
    /// There in dnf's root only.
    var onlyTheirs = false
    /// Depends on more than the packages: the same in some runs.
    var mayBeEqual = false

    /// A path that ends with a slash stands for the directory and all below.
    func covers(_ other: String) -> Bool {
        path.hasSuffix("/") ? other.hasPrefix(path) || other + "/" == path : other == path
    }

    static let meant = [
        Difference(path: "etc/pam.d/login", reason: "patched: pam-selinux, pam-loginuid"),
        Difference(path: "etc/pam.d/sshd", reason: "patched: pam-selinux, pam-loginuid"),
        Difference(path: "etc/pam.d/cron", reason: "patched: pam-loginuid"),
        Difference(path: "etc/pam.d/atd", reason: "patched: pam-loginuid"),
        Difference(path: "etc/securetty", reason: "patched: securetty"),
        Difference(path: "etc/resolv.conf", reason: "patched: resolv-conf makes it"),
        Difference(path: "etc/machine-id", reason: "patched: machine-id; dnf's root has a random one"),
        Difference(path: "etc/shadow", reason: "patched: root-password"),
        Difference(path: "etc/provision/", reason: "ours: the yum.conf that the root was made of"),
        Difference(path: "etc/group", reason: "the order of lines is that of the transaction", mayBeEqual: true),
        Difference(path: "etc/group-", reason: "what etc/group was before the last change", mayBeEqual: true),
        Difference(path: "etc/gshadow", reason: "as etc/group", mayBeEqual: true),
        Difference(path: "etc/gshadow-", reason: "as etc/group-", mayBeEqual: true),
        Difference(path: "etc/passwd", reason: "as etc/group", mayBeEqual: true),
        Difference(path: "etc/passwd-", reason: "as etc/group-", mayBeEqual: true),
        Difference(path: "etc/shadow-", reason: "as etc/group-", mayBeEqual: true),
        Difference(path: "var/lib/rpm/rpmdb.sqlite", reason: "install times and the order of rows"),
        Difference(
            path: "var/lib/rpm/rpmdb.sqlite-shm", reason: "dnf leaves its database open", onlyTheirs: true, mayBeEqual: true),
        Difference(
            path: "var/lib/rpm/rpmdb.sqlite-wal", reason: "dnf leaves its database open", onlyTheirs: true, mayBeEqual: true),
        Difference(path: "etc/.pwd.lock", reason: "useradd's lock file: left out of layers", onlyTheirs: true),
        Difference(path: "var/lib/rpm/.rpm.lock", reason: "librpm's lock file", onlyTheirs: true, mayBeEqual: true),
        Difference(
            path: "var/cache/ldconfig/aux-cache", reason: "inode numbers of dnf's root: left out of layers", onlyTheirs: true),
        Difference(
            path: "dev/null", reason: "a file that scriptlets wrote to: dnf gives them no /dev", onlyTheirs: true),
        Difference(path: "etc/dnf/modules.d", reason: "dnf's own", onlyTheirs: true),
        Difference(path: "var/lib/dnf/history.sqlite", reason: "time, words and the state of the rpm database: HistoryTests"),
        Difference(path: "var/lib/dnf/history.sqlite-shm", reason: "dnf leaves it open", onlyTheirs: true, mayBeEqual: true),
        Difference(path: "var/lib/dnf/history.sqlite-wal", reason: "dnf leaves it open", onlyTheirs: true, mayBeEqual: true),
        Difference(path: "var/cache/dnf/", reason: "dnf's own cache", onlyTheirs: true),
        Difference(path: "var/log/dnf.log", reason: "dnf's own", onlyTheirs: true),
        Difference(path: "var/log/dnf.librepo.log", reason: "dnf's own", onlyTheirs: true),
        Difference(path: "var/log/dnf.rpm.log", reason: "dnf's own", onlyTheirs: true),
        Difference(path: "var/log/hawkey.log", reason: "dnf's own", onlyTheirs: true),
    ]
}
