import System
import SystemPackage
import Testing

extension EndToEnd {
    /// The rows of docs/recipe.md that install packages: of the demo distribution.
    @Suite struct RecipeTests {
        @Test("row 11: a handwritten yum.conf is taken as it is; what yumconf makes of it is taken again, and stays the same")
        func row11() throws {
            let program = Program(in: World.directory.appending("row11"), cache: World.directory.appending("cache"))
            let text = try program.succeed(["yumconf", "-c", World.handwrittenConfiguration.get().string])
            #expect(text.contains("[base]") && text.contains("baseurl=\(World.server.url)/7/os/x86_64/"))
            let file = World.directory.appending("row11.conf")
            try Files.write(text, to: file)
            // The first line names the file that it comes from.
            let again = try program.succeed(["yumconf", "-c", file.string])
            #expect(again.drop { $0 != "\n" } == text.drop { $0 != "\n" })
        }

        @Test("row 12: an application's root by a handwritten yum.conf holds the packages that dnf installs by the same file")
        func row12() throws {
            let program = Program(in: World.directory.appending("row12"), cache: World.directory.appending("cache"))
            let configuration = try World.handwrittenConfiguration.get()
            try program.succeed(["base", "ftpserver", "vsftpd", "-c", configuration.string])
            let root = World.directory.appending("row12-dnf")
            try World.dnf(
                [
                    "--setopt=reposdir=/nonexistent", "--setopt=plugins=0", "--setopt=install_weak_deps=0",
                    "--setopt=cachedir=/var/cache/dnf", "--releasever", "7", "install", "vsftpd",
                ], configuration: configuration, root: root)
            let ours = try program.withMounted("ftpserver", installedPackages)
            #expect(try ours == installedPackages(in: root) && ours.count > 10)
        }

        @Test("row 14: a base without a word more is a root that finds its own configuration") func row14() throws {
            let program = try World.program("row14")
            try program.succeed(["base"])
            let (packages, configuration) = try program.withMounted("base") { root in
                (try installedPackages(in: root), try Files.readText(root.appending("etc/provision/yum.conf")))
            }
            #expect(packages.contains { $0.hasPrefix("basesystem-") } && configuration.contains("[demo-os]"))
        }

        @Test("row 16: installed with gpgcheck on, and on in the root, which has the key; the patch turns it off on request")
        func row16() throws {
            let (program, core) = try World.core.get()
            #expect(!core.warnings.contains { $0.contains("gpgcheck") })
            let folder = "etc/yum.repos.d"
            let settings = try program.withMounted("base") { root in
                try runChecked(["grep", "-rh", "^gpgcheck", root.appending(folder).string]).text
            }
            #expect(Set(settings.split(separator: "\n")) == ["gpgcheck=1"])
            #expect(try program.succeed(["run", "base", "--", "rpm", "-q", "gpg-pubkey"]).hasPrefix("gpg-pubkey-"))
            let other = try World.program("row16")
            try other.succeed(["base", "open", "basesystem", "demo-release", "--patch", "gpgcheck"])
            let without = try other.withMounted("open") { root in
                try runChecked(["grep", "-rh", "^gpgcheck", root.appending(folder).string]).text
            }
            #expect(Set(without.split(separator: "\n")) == ["gpgcheck=0"])
        }

        @Test("row 17: only the application is packed") func row17() throws {
            let (program, _) = try World.vsftpd.get()
            let image = World.directory.appending("row17.cpio.bz2").string
            try program.succeed(["pack", "vsftpd", "-o", image])
            let names = try runChecked(["sh", "-c", "bzip2 -dc \(image) | cpio -t --quiet"]).text.split(separator: "\n")
            #expect(names.contains { $0.hasSuffix("usr/sbin/vsftpd") })
            #expect(!names.contains { $0.hasSuffix("bin/bash") || $0.hasSuffix("libc.so.6") })
            #expect(names.count < 150)
        }

        @Test("row 19: a whole system by its group, of one architecture, with nothing to be never-minded") func row19() throws {
            let (_, core) = try World.core.get()
            #expect(core.packages.count > 150 && core.packages.contains { $0.reason == "group:core" })
            #expect(Set(core.packages.map(\.arch)).isSubset(of: ["x86_64", "noarch"]))
            #expect(core.warnings == [])
        }

        @Test("rows 20 and 21: it boots with no interface but lo, and root logs in: no selinux, no loginuid in the way")
        func rows20and21() throws {
            let (program, _) = try World.core.get()
            let login = try program.withMounted("base") { try Files.readText($0.appending("etc/pam.d/login")) }
            let active = login.split(separator: "\n").filter { !$0.hasPrefix("#") }
            #expect(!active.contains { $0.contains("pam_selinux") || $0.contains("pam_loginuid") } && active.count > 5)
            let console = try Typist(program.arguments(["boot", "base", "--ephemeral", "--machine", "row21"]))
            try console.logIn()
            #expect(try console.answer(to: "ls /sys/class/net; cat /proc/1/comm") == "lo\nsystemd\n")
            console.type("exit\r")
            try console.expect("login: ")
            console.type("\u{3}")
            #expect(try console.end() == .exited(0))
        }

        @Test("row 22: one program of the whole system, without booting it") func row22() throws {
            let (program, _) = try World.core.get()
            let output = try program.run("run", "base", "--", "sh", "-c", "cat /proc/1/comm; exit 9")
            #expect(output.status == .exited(9) && !output.text.contains("systemd\n"))
        }

        @Test("row 23: what the page says is kept apart is: no new privileges, a filter of system calls, no raw devices")
        func row23() throws {
            let (program, _) = try World.core.get()
            let status = try program.succeed(["run", "base", "--", "cat", "/proc/self/status"])
            #expect(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"))
            let held = try #require(status.firstMatch(of: #/CapEff:\t([0-9a-f]+)/#).flatMap { UInt64($0.output.1, radix: 16) })
            // CAP_SYS_MODULE 16, CAP_SYS_RAWIO 17, CAP_SYS_TIME 25, CAP_MKNOD 27.
            for number in [16, 17, 25, 27] { #expect(held & 1 << number == 0, "capability \(number)") }
        }
    }
}
