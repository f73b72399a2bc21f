import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    /// The second engine: the same promises.
    @Suite struct CrunTests {
        private func crun(_ box: BusyboxRoot, _ options: [String], _ command: [String], input: String = "") throws
            -> ProgramOutput
        {
            try box.run(["--engine", "crun"] + options, command, input: input)
        }

        @Test("status and streams are the command's own, in namespaces of its own, and nothing is left") func run() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            let script = "tr a-z A-Z; echo $$; ls /sys/class/net; hostname; echo no >&2; exit 7"
            let output = try crun(box, ["--machine", "web"], ["sh", "-c", script], input: "hello\n")
            #expect(output.text == "HELLO\n1\nlo\nweb\n" && output.status == .exited(7), "\(output.standardError)")
            #expect(output.standardError == "no\n")
            #expect(try crun(box, [], ["sh", "-c", "sh -c 'kill -9 $$'; exit $?"]).status == .exited(137))
            let missing = try crun(box, ["--bind", "/etc:/given:ro"], ["no-such-program"])
            #expect(missing.status == .exited(125) && missing.standardError.contains("crun could not start the container"))
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("--user, --env, --bind, --read-only, --capability, addresses and --timeout are what they are with nspawn")
        func options() throws {
            let box = try BusyboxRoot()
            #expect(
                try crun(box, ["--user", "guest", "--env", "A=b c"], ["sh", "-c", "id -u; echo $A $HOME"]).text
                    == "1000\nb c /\n")
            let bound = try crun(
                box, ["--bind", "\(box.root)/etc:/given:ro"], ["sh", "-c", "cat /given/os-release; touch /given/x"])
            #expect(bound.text == "ID=box\nNAME=Box\n" && !bound.status.succeeded)
            #expect(try !crun(box, ["--read-only"], ["touch", "/x"]).status.succeeded)
            let raw = try crun(box, ["--capability", "-NET_RAW"], ["ping", "-c1", "-W1", "127.0.0.1"])
            #expect(!raw.status.succeeded)
            let address = ["--address", "10.77.92.2/24", "--host-address", "10.77.92.1/24"]
            #expect(try crun(box, address, ["ping", "-c1", "-W5", "10.77.92.1"]).status == .exited(0))
            #expect(
                try crun(box, ["--timeout", "1"], ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]).status
                    == .exited(124))
        }

        @Test("a device that lies in the root opens nothing") func devices() throws {
            let box = try BusyboxRoot()
            try check(mknod(box.root.appending("null").string, S_IFCHR | 0o666, 1 << 8 | 3), "make", "a device")
            for options in [[], ["--read-only"]] {
                let output = try crun(
                    box, options, ["sh", "-c", "cat /null && echo opened; grep -c ' / .*nodev' /proc/mounts"])
                #expect(output.text == "1\n" && output.standardError.contains("Permission denied"), "\(output.standardError)")
            }
        }

        @Test("a detached command is listed, joined, logged and stopped like any machine") func detached() throws {
            let box = try BusyboxRoot()
            let job = try RunningJob(box, ["--engine", "crun"])
            let own = try job.exec([], ["sh", "-c", "readlink /proc/1/ns/mnt; readlink /proc/self/ns/mnt; hostname"]).text
                .split(separator: "\n")
            #expect(own.count == 3 && own[0] == own[1] && own[2] == "job")
            let text = try runChecked([Program.path.string, "list", "--state", box.state.string]).text
            #expect(text.contains(#/job +running/#))
        }

        @Test("what crun can't do is refused in words: boot, --private-users") func refused() throws {
            let box = try BusyboxRoot(boots: true)
            let boot = try runProgram(box.words("boot", ["--engine", "crun"]))
            #expect(boot.status == .exited(125) && boot.standardError.contains("crun starts no init"))
            let users = try crun(box, ["--private-users"], ["true"])
            #expect(users.status == .exited(125) && users.standardError.contains("takes systemd-nspawn"))
        }

        @Test(
            "somebody who isn't root runs a command as root of a user namespace; what takes root is refused, option by option")
        func ordinaryUser() throws {
            let box = try BusyboxRoot()
            let home = box.state.removingLastComponent()
            try runChecked(["chown", "-R", "12345:12345", home.string])
            try runChecked(["chmod", "755", home.string])
            // The program lies below directories that others may not enter, on some hosts.
            let reachable = FilePath("/run/provision-test-\(getpid())")
            try runChecked(["cp", Program.path.string, reachable.string])
            defer { unlink(reachable.string) }
            func run(_ options: [String], _ command: [String]) throws -> ProgramOutput {
                let words = box.words(
                    "run", ["--config", Program.checkout.string, "--cache", home.appending("cache").string] + options, command)
                return try runProgram(
                    ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", reachable.string] + words.dropFirst(),
                    environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home.string, "TMPDIR": home.string])
            }
            let output = try run(["--engine", "crun"], ["sh", "-c", "id -u; echo $$; ls /sys/class/net; touch /made; exit 4"])
            #expect(output.text == "0\n1\nlo\n" && output.status == .exited(4), "\(output.standardError)")
            #expect(try runChecked(["stat", "-c", "%u", box.root.appending("made").string]).text == "12345\n")
            let thrown = try run(["--engine", "crun", "--ephemeral"], ["sh", "-c", "rm /made; ls /made"])
            #expect(!thrown.status.succeeded && Files.exists(box.root.appending("made")), "\(thrown.standardError)")
            for option in [
                ["--memory", "10M"], ["--address", "10.7.7.2/24", "--host-address", "10.7.7.1/24"], ["--user", "guest"],
            ] {
                let refused = try run(["--engine", "crun"] + option, ["true"])
                #expect(
                    refused.status == .exited(125) && refused.standardError.contains("hint: run it as root"),
                    "\(refused.standardError)")
            }
            #expect(try run([], ["true"]).standardError.contains("run --engine crun"))
        }
    }
}
