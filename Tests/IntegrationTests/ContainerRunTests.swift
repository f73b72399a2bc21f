import Glibc
import System
import SystemPackage
import Testing

/// Containers look at the same host traces (cgroups, interfaces): one after the other.
@Suite(.serialized) struct ContainerTests {}

extension ContainerTests {
    @Suite struct RunTests {
        @Test("the command's exit status is provision's") func status() throws {
            let box = try BusyboxRoot()
            for status in [0, 1, 7, 255] as [Int32] {
                #expect(try box.run([], ["/bin/sh", "-c", "exit \(status)"]).status == .exited(status))
            }
        }

        @Test("the three streams are passed through as they are, apart and byte by byte") func streams() throws {
            let box = try BusyboxRoot()
            let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let copied = try runProgram(box.words("run", [], ["cat"]), input: bytes)
            #expect(copied.standardOutput == bytes)
            let apart = try box.run([], ["/bin/sh", "-c", "echo out; echo err >&2"])
            #expect(apart.text == "out\n" && apart.standardError.contains("err\n") && !apart.standardError.contains("out"))
        }

        @Test("signals that a command may use for itself reach it; provision stays") func passedSignals() throws {
            let box = try BusyboxRoot()
            for name in ["USR1", "USR2", "QUIT", "ALRM"] {
                let script = "trap 'echo got \(name); exit 9' \(name); echo up; while :; do sleep 0.05; done"
                let log = box.state.removingLastComponent().appending("out-\(name)")
                var running = try Background(box.words("run", [], ["/bin/sh", "-c", script]), output: log)
                try running.expect("up")
                running.signal(["USR1": SIGUSR1, "USR2": SIGUSR2, "QUIT": SIGQUIT, "ALRM": SIGALRM][name]!)
                #expect(try running.end() == .exited(9))
                #expect(try Files.readText(log).contains("got \(name)"))
            }
        }

        @Test("a command that isn't there is 125 with its name, before anything is started") func missing() throws {
            let box = try BusyboxRoot()
            let output = try box.run([], ["no-such-program"])
            #expect(output.status == .exited(125) && output.standardError.contains("\"no-such-program\""))
        }

        @Test(
            "a user is a name, or any number with any group; what the engine can't do and who isn't there is said before it starts"
        )
        func users() throws {
            let box = try BusyboxRoot()
            for (user, expected) in [
                ("guest", "1000:1000"), ("1000", "1000:1000"), ("1234", "1234:1234"), ("1234:5", "1234:5"), ("0", "0:0"),
            ] {
                let output = try box.run(["--user", user], ["/bin/sh", "-c", "echo $(id -u):$(id -g)"])
                #expect(output.text == expected + "\n", "\(user): \(output.standardError)")
            }
            #expect(try Files.readText(box.root.appending("etc/passwd")).contains("1234") == false)
            let group = try box.run(["--user", "guest:5"], ["true"])
            #expect(group.status == .exited(125) && group.standardError.contains("--engine crun"))
            let nobody = try box.run(["--user", "gest"], ["true"])
            #expect(nobody.status == .exited(125) && nobody.standardError.contains("did you mean \"guest\"?"))
        }

        @Test("environment, user and working directory are those asked for; ours don't leak in") func environment() throws {
            let box = try BusyboxRoot()
            let text = try runProgram(
                box.words(
                    "run", ["--env", "GREETING=a = b", "--user", "guest"], ["/bin/sh", "-c", "echo $GREETING; id -u; pwd; env"]),
                environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SECRET": "leaks"]
            ).text
            #expect(text.hasPrefix("a = b\n1000\n/\n"))
            #expect(!text.contains("leaks"))
        }

        @Test("it sees processes and network interfaces of its own only") func isolation() throws {
            let box = try BusyboxRoot()
            let text = try box.run(
                [], ["/bin/sh", "-c", "echo $$; ls /sys/class/net; ping -c1 -W1 127.0.0.1 >/dev/null && echo lo is up"]
            ).text
            #expect(text == "2\nlo\nlo is up\n")
        }

        @Test("the host's network only where asked for") func hostNetwork() throws {
            let box = try BusyboxRoot()
            let names = try box.run(["--host-network"], ["ls", "/sys/class/net"]).text
            #expect(try names == Files.names(in: "/sys/class/net").map { $0 + "\n" }.joined())
        }

        @Test("bind mounts show the host's file; a read-only one can't be written") func binds() throws {
            let box = try BusyboxRoot()
            let shared = try TemporaryDirectory()
            try Files.write("from the host", to: shared.path.appending("file"))
            let script = "cat /given/file; echo new > /given/other"
            let writable = try box.run(["--bind", "\(shared.path):/given"], ["/bin/sh", "-c", script])
            #expect(writable.text == "from the host" && writable.status.succeeded)
            #expect(try Files.readText(shared.path.appending("other")) == "new\n")
            let readOnly = try box.run(["--bind", "\(shared.path):/given:ro"], ["/bin/sh", "-c", script])
            #expect(!readOnly.status.succeeded && readOnly.standardError.contains("Read-only"))
        }

        @Test("a directory is changed in place; not with --ephemeral, and --read-only can't be written") func places() throws {
            let box = try BusyboxRoot()
            let before = try Files.names(in: box.root)
            #expect(try box.run(["--ephemeral"], ["touch", "/gone"]).status.succeeded)
            #expect(try !box.run(["--read-only"], ["touch", "/refused"]).status.succeeded)
            #expect(try Files.names(in: box.root) == before)
            #expect(try box.run([], ["touch", "/kept"]).status.succeeded)
            #expect(Files.exists(box.root.appending("kept")))
        }

        @Test("capabilities are dropped and added") func capabilities() throws {
            let box = try BusyboxRoot()
            #expect(try box.run([], ["chown", "1000", "/tmp"]).status.succeeded)
            #expect(try !box.run(["--capability", "-CHOWN"], ["chown", "1000", "/tmp"]).status.succeeded)
            let sets = try ["+SYS_MODULE", "-SYS_MODULE"].map { word in
                try box.run(["--capability", word], ["grep", "CapBnd", "/proc/self/status"]).text
            }
            #expect(sets[0] != sets[1])
        }

        @Test("the time limit ends a command that ignores SIGTERM, with 124") func timeout() throws {
            let box = try BusyboxRoot()
            let output = try box.run(["--timeout", "1"], ["/bin/sh", "-c", "exec sleep 600"])
            #expect(output.status == .exited(124))
        }

        @Test("SIGTERM reaches the command, and provision ends with 143") func termination() throws {
            let box = try BusyboxRoot()
            var running = try Background(
                box.words(
                    "run", [], ["/bin/sh", "-c", "trap 'echo undone; exit 0' TERM; echo up; while :; do sleep 0.05; done"]),
                output: box.state.removingLastComponent().appending("out"))
            try running.expect("up")
            running.signal(15)
            #expect(try running.end() == .exited(143))
            #expect(running.text.contains("undone"))
        }

        @Test("two commands of one root run at the same time where changes are thrown away; in place they are refused")
        func together() throws {
            let box = try BusyboxRoot()
            let place = box.state.removingLastComponent()
            for (options, allowed) in [(["--ephemeral"], true), ([], false)] {
                var first = try Background(
                    box.words("run", options, ["/bin/sh", "-c", "echo up; exec sleep 600"]), output: place.appending("out"))
                try first.expect("up")
                let second = try box.run(options, ["echo", "me too"])
                #expect(second.status == .exited(allowed ? 0 : 125))
                if !allowed { #expect(second.standardError.contains("in use")) }
                first.signal(15)
                #expect(try first.end() == .exited(143))
            }
        }

        @Test("nothing of a finished container is left on the host or in the state") func traces() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            #expect(try box.run(["--address", "10.211.4.2/24", "--host-address", "10.211.4.1/24"], ["true"]).status.succeeded)
            #expect(try box.run([], ["no-such-program"]).status == .exited(125))
            #expect(try HostTraces.now(of: box) == before)
            #expect(try Files.names(in: box.state.appending("machines")).isEmpty)
        }
    }
}
