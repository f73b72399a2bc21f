import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct StopTests {
        private func stop(_ box: BusyboxRoot, _ words: String...) throws -> ProgramOutput {
            try runProgram([Program.path.string, "stop", "--state", box.state.string] + words)
        }

        private func start(_ box: BusyboxRoot, _ name: String, _ script: String) throws -> Background {
            let words = box.words("run", ["--ephemeral", "--machine", name], ["/bin/sh", "-c", script])
            return try Background(words, output: box.state.removingLastComponent().appending("out-\(name)"))
        }

        @Test("stop shuts a booted machine down in order, and nothing of it is left on the host") func clean() throws {
            let box = try BusyboxRoot(boots: true)
            let before = try HostTraces.now(of: box)
            var machine = try Background(
                box.words("boot", ["--machine", "server"]), output: box.state.removingLastComponent().appending("out"))
            try machine.expect("login: ")
            let output = try stop(box, "server")
            #expect(output.text == "stopped machine \"server\"\n" && output.status == .exited(0))
            #expect(try machine.end() == .exited(0))
            #expect(machine.text.contains("goes down"))
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("several are stopped at once; a machine that isn't there or doesn't run stops none") func several() throws {
            let box = try BusyboxRoot()
            let script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
            var one = try start(box, "one", script)
            var two = try start(box, "two", script)
            try one.expect("up")
            try two.expect("up")
            let missing = try stop(box, "one", "twoo")
            #expect(missing.status == .exited(1) && missing.standardError.contains("did you mean \"two\"?"))
            #expect(try stop(box, "one", "two").text == "stopped machine \"one\"\nstopped machine \"two\"\n")
            #expect(try one.end() == .exited(143))
            #expect(try two.end() == .exited(143))
            #expect(try stop(box, "one").standardError.contains("\"one\""))
        }

        @Test("one that doesn't end in time is an error that names it; with --force it is killed without a trace")
        func force() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            let deaf = "trap '' TERM; echo up; while :; do sleep 0.05; done"
            var patient = try start(box, "patient", deaf)
            try patient.expect("up")
            let refused = try stop(box, "patient", "--timeout", "0")
            #expect(refused.status == .exited(1) && refused.standardError.contains("\"patient\" did not stop within 0 seconds"))
            #expect(try patient.end() == .exited(143))
            var machine = try start(box, "deaf", deaf)
            try machine.expect("up")
            #expect(try stop(box, "deaf", "--timeout", "0", "--force").text == "killed machine \"deaf\"\n")
            #expect(try machine.end() == .signalled(SIGKILL))
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("a process that took a dead machine's pid is not signalled") func reusedPid() throws {
            let box = try BusyboxRoot()
            var machine = try Background(
                box.words("run", ["--machine", "kept"], ["/bin/sh", "-c", "echo up; exec sleep 600"]),
                output: box.state.removingLastComponent().appending("out"))
            try machine.expect("up")
            machine.signal(SIGKILL)
            _ = try machine.end()
            // The record of the killed one, with the pid of somebody who lives: this test.
            let file = box.state.appending("machines/kept/machine.json")
            let record = try Files.readText(file)
            try Files.write(record.replacing("\"pid\" : \(machine.pid)", with: "\"pid\" : \(getpid())"), to: file)
            #expect(try Files.readText(file).contains("\"pid\" : \(getpid())"))
            let output = try stop(box, "kept")
            #expect(output.status == .exited(1) && output.standardError.contains("doesn't run"))
        }
    }
}
