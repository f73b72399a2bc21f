import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct TerminalTests {
        private func login(_ box: BusyboxRoot) throws -> Typist {
            try Files.write("root::0:0:root:/root:/bin/sh\n", to: box.root.appending("etc/passwd"))
            let typist = try Typist(box.words("boot", ["--machine", "typed"]))
            try typist.expect("login: ")
            return typist
        }

        @Test("Ctrl-C at the login prompt shuts the machine down: 0, and the terminal is as before") func prompt() throws {
            let box = try BusyboxRoot(boots: true)
            let typist = try login(box)
            #expect(!typist.isRestored)
            typist.type("\u{3}")
            try typist.expect("goes down")
            #expect(try typist.end() == .exited(0))
            #expect(typist.isRestored)
        }

        @Test("Ctrl-C within a session belongs to the session; after logout it shuts down") func session() throws {
            let box = try BusyboxRoot(boots: true)
            let typist = try login(box)
            typist.type("root\r")
            try typist.expect("# ")
            typist.type("echo asleep; sleep 600\r")
            try typist.expect("asleep\r\n")
            typist.type("\u{3}")
            try typist.expect("# ")
            typist.type("echo status $?\r")
            try typist.expect("status 130")
            typist.type("exit\r")
            try typist.expect("login: ")
            typist.type("\u{3}")
            #expect(try typist.end() == .exited(0))
        }

        @Test("a command gets a terminal where we have one, of our size, which follows ours") func size() throws {
            let box = try BusyboxRoot()
            let typist = try Typist(box.words("run", [], ["/bin/sh", "-c", "tty; stty size; read x; stty size; exit 9"]))
            try typist.expect("/dev/pts/0")
            try typist.expect("24 80")
            typist.resize(TerminalSize(rows: 30, columns: 100))
            usleep(500_000)
            typist.type("\r")
            try typist.expect("30 100")
            #expect(try typist.end() == .exited(9))
            #expect(typist.isRestored)
        }

        @Test("SIGTERM restores the terminal too") func restored() throws {
            let box = try BusyboxRoot(boots: true)
            let typist = try login(box)
            let record = try Files.readText(box.state.appending("machines/typed/machine.json"))
            let pid = try #require(record.firstMatch(of: #/"pid" : (\d+)/#).flatMap { Int32($0.output.1) })
            kill(pid, SIGTERM)
            #expect(try typist.end() == .exited(0))
            #expect(typist.isRestored)
        }
    }
}
