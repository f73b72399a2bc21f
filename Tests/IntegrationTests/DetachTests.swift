import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct DetachTests {
        private struct Listing: Decodable {
            struct Machine: Decodable { var name: String, state: String, pid: Int32?, started: Int64? }
            var machines: [Machine]
        }

        private func machines(_ box: BusyboxRoot) throws -> [Listing.Machine] {
            let output = try runChecked([Program.path.string, "list", "--json", "--state", box.state.string])
            return try JSONDecoder().decode(Listing.self, from: Data(output.standardOutput)).machines
        }

        private func provision(_ box: BusyboxRoot, _ words: String...) throws -> ProgramOutput {
            try runProgram([Program.path.string] + words + ["--state", box.state.string])
        }

        @Test("a minimal system without a getty is up when its init asks for a key; its layer's name need be no machine's")
        func minimal() throws {
            let directory = try TemporaryDirectory()
            let program = Program(in: directory.path)
            try program.succeed(["minimal", "my_box"])
            #expect(try program.succeed(["boot", "my_box", "--detach", "--timeout", "120"]) == "my-box\n")
            try program.succeed(["stop", "my-box"])
        }

        @Test("a detached boot returns when the machine is up; its console is logged; stop ends it without a trace")
        func boot() throws {
            let box = try BusyboxRoot(boots: true)
            let before = try HostTraces.now(of: box)
            let started = try runProgram(box.words("boot", ["--detach", "--machine", "server"]))
            #expect(started.text == "server\n" && started.status == .exited(0), "\(started.standardError)")
            // Up is up: the prompt is there already.
            #expect(try provision(box, "logs", "server").text.contains("login: "))
            let machine = try #require(try machines(box).first)
            #expect(machine.name == "server" && machine.state == "running" && machine.started != nil)
            let again = try runProgram(box.words("boot", ["--detach", "--machine", "server"]))
            #expect(again.status == .exited(125) && again.standardError.contains("in use by process \(machine.pid ?? 0)"))
            let following = try Background(
                [Program.path.string, "logs", "-f", "server", "--state", box.state.string],
                output: box.state.removingLastComponent().appending("followed"))
            try following.expect("login: ")
            #expect(try provision(box, "stop", "server").text == "stopped machine \"server\"\n")
            try following.expect("goes down")
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("a detached command's supervisor outlives its caller, and the container dies with the supervisor")
        func deathChain() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            let script = "echo up; while :; do sleep 0.05; done"
            let started = try runProgram(
                box.words("run", ["--detach", "--ephemeral", "--machine", "job"], ["/bin/sh", "-c", script, "marked-sleep"]))
            #expect(started.text == "job\n", "\(started.standardError)")
            let pid = try #require(try machines(box).first?.pid)
            // A session of its own: nothing that ends the caller's terminal or process group reaches it.
            #expect(getsid(pid) == pid)
            let following = try Background(
                [Program.path.string, "logs", "-f", "job", "--state", box.state.string],
                output: box.state.removingLastComponent().appending("followed"))
            try following.expect("up")
            #expect(try HostTraces.now(of: box).processes.contains { $0.contains("marked-sleep") })
            kill(pid, SIGKILL)
            let gone = try HostTraces.settled(like: before, of: box).processes
            #expect(gone == before.processes)
            #expect(try machines(box).isEmpty)
            #expect(try provision(box, "gc").status == .exited(0))
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("what keeps a machine from coming up is the caller's error; nothing stays behind") func failures() throws {
            let box = try BusyboxRoot(boots: true)
            let before = try HostTraces.now(of: box)
            let missing = try runProgram(box.words("run", ["--detach"], ["no-such-program"]))
            #expect(
                missing.status == .exited(125)
                    && missing.standardError.contains("error: there is no program \"no-such-program\""))
            try RootedDirectory(box.root).write("/etc/inittab", Array("::sysinit:/bin/busybox poweroff -f\n".utf8))
            let short = try runProgram(box.words("boot", ["--detach", "--ephemeral"]))
            #expect(short.status == .exited(125) && short.standardError.contains("before it was up"), "\(short.standardError)")
            #expect(short.text == "" && missing.text == "")
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }
    }
}
