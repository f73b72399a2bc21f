import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    /// The rows of docs/recipe.md that need no distribution.
    @Suite struct RecipeTests {
        private final class Kitchen {
            private let temporary: TemporaryDirectory
            let program: Program
            var path: FilePath { temporary.path }

            init() throws {
                temporary = try TemporaryDirectory()
                program = Program(in: temporary.path)
                try program.succeed(["minimal"])
            }
        }

        @Test("row 1: a minimal root, every applet a link that stays inside") func row1() throws {
            let kitchen = try Kitchen()
            let tree = kitchen.program.state.appending("layers/minimal/tree")
            let links = try runChecked(["find", tree.string, "-type", "l"]).text.split(separator: "\n").map(String.init)
            #expect(links.count > 100)
            for link in links { #expect(try Files.canonical(FilePath(link)).starts(with: Files.canonical(tree))) }
            #expect(Files.exists(tree.appending("etc/os-release")))
        }

        @Test("row 2: ps works, in a pid namespace of its own") func row2() throws {
            let kitchen = try Kitchen()
            let text = try kitchen.program.succeed(["run", "minimal", "--", "ps", "-o", "pid,comm"])
            #expect(text.contains("2 ps") && text.split(separator: "\n").count <= 3)
        }

        @Test("row 3: the host's interfaces, when asked for") func row3() throws {
            let kitchen = try Kitchen()
            let inside = try kitchen.program.succeed(["run", "--host-network", "minimal", "--", "ls", "/sys/class/net"])
            #expect(try inside.split(separator: "\n").map(String.init) == Files.names(in: "/sys/class/net"))
        }

        @Test("row 4: lo alone, by default") func row4() throws {
            let kitchen = try Kitchen()
            let text = try kitchen.program.succeed(["run", "minimal", "--", "ip", "-o", "link"])
            #expect(text.split(separator: "\n").count == 1 && text.contains("lo:"))
        }

        @Test("row 5: one process, its number inside and outside") func row5() throws {
            let kitchen = try Kitchen()
            try kitchen.program.succeed(["run", "minimal", "--detach", "--machine", "m", "--", "sleep", "600"])
            let shown = try kitchen.program.succeed(["show", "m"])
            let row = try #require(shown.firstMatch(of: #/(\d+) +2  sleep/#))
            #expect(try Files.readText(FilePath("/proc/\(row.output.1)/comm")) == "sleep\n")
            try kitchen.program.succeed(["stop", "m"])
        }

        @Test("row 6: an image that cpio unpacks to the same tree") func row6() throws {
            let kitchen = try Kitchen()
            let image = kitchen.path.appending("minimal.cpio.bz2").string
            try kitchen.program.succeed(["pack", "minimal", "-o", image])
            let copy = kitchen.path.appending("copy").string
            try Files.makeDirectory(FilePath(copy))
            try runChecked(["sh", "-c", "cd \(copy) && bzip2 -dc \(image) | cpio -idm --quiet"])
            let tree = kitchen.program.state.appending("layers/minimal/tree").string
            let difference = try runProgram(["diff", "-r", "--no-dereference", tree, copy])
            #expect(difference.text.split(separator: "\n").allSatisfy { $0.hasPrefix("Only in \(copy)") }, "\(difference.text)")
        }

        @Test("row 7: a limit holds") func row7() throws {
            let kitchen = try Kitchen()
            let hog = "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait"
            let output = try kitchen.program.run("run", "--pids", "5", "minimal", "--", "sh", "-c", hog)
            #expect(output.standardError.contains("can't fork"), "\(output.standardError)")
        }

        @Test("row 8: a network namespace with a name, and addresses at both ends of a pair") func row8() throws {
            let kitchen = try Kitchen()
            try runChecked(["ip", "netns", "add", "kitchen"])
            defer { _ = try? runProgram(["ip", "netns", "delete", "kitchen"]) }
            try runChecked(["ip", "-n", "kitchen", "link", "add", "marked0", "type", "veth", "peer", "name", "marked1"])
            let joined = try kitchen.program.succeed(["run", "--netns", "kitchen", "minimal", "--", "ip", "-o", "link"])
            #expect(joined.contains("marked0"))
            let both = ["--address", "10.77.93.2/24", "--host-address", "10.77.93.1/24"]
            let reached = try kitchen.program.run(
                "run", both[0], both[1], both[2], both[3], "minimal", "--", "ping", "-c1", "-W5", "10.77.93.1")
            #expect(reached.status.succeeded)
        }

        @Test("row 9: the pair's two ends are listed as long as it is there") func row9() throws {
            let kitchen = try Kitchen()
            try kitchen.program.succeed([
                "run", "minimal", "--detach", "--machine", "m", "--address", "10.77.94.2/24", "--host-address",
                "10.77.94.1/24", "--", "sleep", "600",
            ])
            let listed = try kitchen.program.succeed(["network", "list"])
            let row = try #require(listed.firstMatch(of: #/- +10\.77\.94\.0\/24 +(\S+) +m +10\.77\.94\.2/#), "\(listed)")
            #expect(try runChecked(["ip", "-o", "addr", "show", String(row.output.1)]).text.contains("10.77.94.1/24"))
            try kitchen.program.succeed(["stop", "m"])
            #expect(try !kitchen.program.succeed(["network", "list"]).contains("10.77.94"))
        }

        @Test("row 10: an interface is moved in and is back on the host afterwards") func row10() throws {
            let kitchen = try Kitchen()
            try runChecked(["ip", "link", "add", "kitchen2", "type", "veth", "peer", "name", "kitchen3"])
            defer { _ = try? runProgram(["ip", "link", "delete", "kitchen2"]) }
            let inside = try kitchen.program.succeed(["run", "--interface", "kitchen2", "minimal", "--", "ip", "-o", "link"])
            #expect(inside.contains("kitchen2"))
            #expect(try runProgram(["ip", "link", "show", "kitchen2"]).status.succeeded)
        }

        @Test("row 13: a daemon that survives the shell is listed, logged and stopped, and nothing is left") func row13() throws
        {
            let kitchen = try Kitchen()
            let program = kitchen.program
            let before = try HostTraces.now(of: program.state)
            let script = "echo serving; while :; do sleep 0.05; done"
            try program.succeed(["run", "minimal", "--detach", "--machine", "daemon", "--", "sh", "-c", script])
            #expect(try program.succeed(["list"]).contains(#/daemon +running/#))
            for _ in 0..<100 where try !program.succeed(["logs", "daemon"]).contains("serving") { usleep(50_000) }
            #expect(try program.succeed(["logs", "daemon"]).contains("serving"))
            try program.succeed(["stop", "daemon"])
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
        }

        @Test("row 15: the union of app over base, mounted anywhere") func row15() throws {
            let kitchen = try Kitchen()
            try kitchen.program.succeed(["run", "minimal", "--machine", "m", "--", "sh", "-c", "echo app > /app"])
            try kitchen.program.succeed(["commit", "m", "--name", "app"])
            let seen = try kitchen.program.withMounted("app") { view in
                (try Files.readText(view.appending("app")), Files.exists(view.appending("bin/busybox")))
            }
            #expect(seen.0 == "app\n" && seen.1)
        }

        @Test("row 18: another host with the base gets the app's delta alone, and runs it") func row18() throws {
            let (here, there) = (try Kitchen(), try Kitchen())
            try here.program.succeed(["run", "minimal", "--machine", "m", "--", "sh", "-c", "echo app > /app"])
            try here.program.succeed(["commit", "m", "--name", "app"])
            let image = here.path.appending("app.tar.zst").string
            try here.program.succeed(["pack", "app", "-o", image])
            #expect(try !runChecked(["tar", "-tf", image]).text.contains("busybox"))
            try there.program.succeed(["unpack", image])
            #expect(try there.program.succeed(["run", "app", "--", "cat", "/app"]) == "app\n")
        }

        @Test("row 22: one program without booting, its exit status passed on") func row22() throws {
            let kitchen = try Kitchen()
            #expect(try kitchen.program.run("run", "minimal", "--", "sh", "-c", "exit 9").status == .exited(9))
        }
    }
}
