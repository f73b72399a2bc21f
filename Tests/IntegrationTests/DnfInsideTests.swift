import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// A booted system that looks after itself: its own dnf, the key that it was made with, a repository on the network.
    @Suite struct DnfInsideTests {
        private struct Machine {
            var program: Program

            /// The lines of a command in it.
            func lines(_ words: String...) throws -> [String] {
                try program.succeed(["exec", "self-made", "--"] + words).split(separator: "\n").map(String.init)
            }

            func dnf(_ words: String...) throws -> String {
                try program.succeed(["exec", "self-made", "--", "dnf", "-y"] + words)
            }

            func packages() throws -> Set<String> { Set(try lines("rpm", "-qa")) }

            /// What a verification of all packages finds: rpm ends with an error then, which is no news.
            func differences() throws -> [String] {
                try runProgram(program.arguments(["exec", "self-made", "--", "rpm", "-Va"])).text
                    .split(separator: "\n").map(String.init)
            }
        }

        @Test(
            "dnf in a booted application installs, upgrades and removes, with all that only this needed and nothing that was asked for"
        )
        func life() throws {
            let program = try World.program("dnf-inside")
            try program.succeed(["base", "system", "--group", "core", "dnf"])
            try program.succeed(["app", "jq", "--on", "system"])
            let before = try HostTraces.now(of: program.state)
            var boot = try program.start([
                "boot", "jq", "--machine", "self-made", "--address", "10.11.0.2/24", "--host-address",
                "10.11.0.1/24",
            ])
            try boot.expect("login: ")
            let server = try Background(
                ["busybox", "httpd", "-f", "-p", "10.11.0.1:8080", "-h", World.demo.string],
                output: program.state.removingLastComponent().appending("log-httpd"))
            defer { server.signal(SIGKILL) }
            let machine = Machine(program: program)
            _ = try machine.lines("sed", "-i", "s,file://$demo,http://10.11.0.1:8080,", "/etc/yum.repos.d/demo.repo")

            let all = try machine.packages()
            let differences = try machine.differences()
            #expect(differences.allSatisfy { $0.contains(" c /etc/") }, "\(differences)")
            #expect(try machine.dnf("autoremove").contains("Nothing to do"))
            let asked = try machine.lines("dnf", "-q", "repoquery", "--userinstalled", "--qf", "%{name}")
            #expect(asked == ["dnf", "jq"])
            #expect(try machine.lines("dnf", "-q", "repoquery", "--unneeded").isEmpty)
            #expect(try machine.dnf("group", "list", "--ids", "installed", "hidden").contains("(core)"))
            let history = try machine.lines("dnf", "history", "list")
            #expect(history.count == 4 && history[2].contains("install jq") && history[3].contains("install @core dnf"))

            // Signed by the key that the root has already: dnf asks for it for the metadata, rpm knows it for packages.
            let installed = try machine.dnf("install", "tmux")
            #expect(installed.contains("Install  3 Packages"), "\(installed)")
            #expect(try machine.packages().subtracting(all).map(Self.name).sorted() == ["libevent", "libutempter", "tmux"])
            #expect(try machine.lines("tmux", "-V").first?.hasPrefix("tmux 3") == true)

            #expect(try machine.dnf("--enablerepo", "demo-updates", "upgrade").contains("Upgrade  1 Package"))
            let upgraded = try machine.packages()
            #expect(all.subtracting(upgraded).map(Self.name) == ["bash"])
            #expect(upgraded.contains { $0.hasPrefix("bash-") && $0.contains(".demo12.1.") })

            #expect(try machine.dnf("remove", "tmux").contains("Remove  3 Packages"))
            #expect(try machine.packages().map(Self.name).sorted() == all.map(Self.name).sorted())
            // Asked for by the application's layer, with a library that came along.
            #expect(try machine.dnf("remove", "jq").contains("Remove  2 Packages"))
            let left = Set(try machine.packages().map(Self.name))
            #expect(all.map(Self.name).filter { !left.contains($0) }.sorted() == ["jq", "oniguruma"])
            #expect(try machine.dnf("autoremove").contains("Nothing to do"))

            // Each transaction found the rpm database as the one before had left it.
            let whole = try machine.lines("dnf", "history", "list").dropFirst(2)
            #expect(whole.count == 6 && whole.allSatisfy { !$0.contains(#/ \d+ [<>*#E]/#) }, "\(whole)")
            #expect(try machine.lines("rpm", "-q", "gpg-pubkey").count == 1)
            #expect(try machine.differences() == differences)

            try program.succeed(["stop", "self-made"])
            #expect(try boot.end() == .exited(0))
            #expect(try HostTraces.settled(like: before, of: program.state) == before)

            // What it did becomes a layer, whose history is one file again and goes on in the next.
            try program.succeed(["commit", "self-made", "--name", "kept"])
            let kept = program.state.appending("layers/kept/tree/var/lib/dnf")
            #expect(try Files.names(in: kept) == ["history.sqlite"])
            try program.succeed(["app", "tree", "--on", "kept"])
            let query =
                "SELECT count(*), sum(begins = ends) FROM (SELECT rpmdb_version_begin begins, "
                + "lag(rpmdb_version_end) OVER (ORDER BY id) ends FROM trans)"
            let words = try program.withMounted("tree") {
                try runChecked(["sqlite3", "file:\($0)/var/lib/dnf/history.sqlite?immutable=1", query]).text
            }
            // Two layers, four of dnf's own, one layer more: each begins where the one before had ended.
            #expect(words == "7|6\n")
        }

        /// `vsftpd` of `vsftpd-3.0.3-13.x86_64`.
        private static func name(_ package: String) -> String {
            package.split(separator: "-").dropLast(2).joined(separator: "-")
        }
    }
}
