import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Booted systems: a person at the console, and a server that the host uses.
    @Suite struct MachineTests {
        @Test("a core system boots to a login; nothing failed; it has no interface but lo; Ctrl-C at the prompt shuts it down")
        func console() throws {
            let (program, _) = try World.core.get()
            let before = try HostTraces.now(of: program.state)
            let console = try Typist(program.arguments(["boot", "base", "--ephemeral"]))
            try console.logIn()
            // Done is done: nothing is still being started.
            #expect(try console.answer(to: "systemctl is-system-running --wait") == "running\n")
            #expect(try console.answer(to: "systemctl --failed --no-legend --plain --no-pager") == "")
            #expect(try console.answer(to: "ls /sys/class/net") == "lo\n")
            #expect(try console.answer(to: "cat /proc/1/comm") == "systemd\n")
            console.type("exit\r")
            try console.expect("login: ")
            console.type("\u{3}")
            #expect(try console.end() == .exited(0))
            #expect(console.isRestored)
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
        }

        @Test("an FTP server on its own layer serves the host at 10.0.0.2, and SIGTERM shuts it down without a trace")
        func ftpServer() throws {
            let (program, _) = try World.vsftpd.get()
            let before = try HostTraces.now(of: program.state)
            var machine = try program.start([
                "boot", "vsftpd", "--address", "10.0.0.2/24", "--host-address", "10.0.0.1/24",
            ])
            try machine.expect("login: ")
            let curl = ["curl", "--silent", "--show-error", "--retry", "30", "--retry-delay", "1", "--retry-all-errors"]
            let names = try runChecked(curl + ["--list-only", "ftp://10.0.0.2/pub/"]).text
            #expect(names == "README\n")
            let file = try runChecked(curl + ["ftp://10.0.0.2/pub/README"]).standardOutput
            let installed = FilePath(try #require(try World.vsftpd.get().answer.path)).appending("var/ftp/pub/README")
            #expect(try file == Files.read(installed) && !file.isEmpty)
            #expect(try program.succeed(["list"]).contains(#/vsftpd +running +vsftpd +\d+ +10\.0\.0\.2\/24/#))
            machine.signal(SIGTERM)
            #expect(try machine.end() == .exited(0))
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
            // The machine's own changes are kept until it is removed.
            #expect(try program.succeed(["list"]).contains(#/vsftpd +stopped +vsftpd/#))
            #expect(try program.succeed(["rm", "vsftpd", "--machine"]) == "removed machine \"vsftpd\"\n")
            #expect(try program.layers().contains { $0.name == "vsftpd" })
        }

        @Test("SIGINT to a boot without a terminal shuts it down in order too")
        func interrupt() throws {
            let (program, _) = try World.core.get()
            let before = try HostTraces.now(of: program.state)
            var machine = try program.start(["boot", "base", "--ephemeral", "--machine", "interrupted"])
            try machine.expect("login: ")
            machine.signal(SIGINT)
            #expect(try machine.end() == .exited(0))
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
        }

        @Test("run passes status and streams through, sees no interface but lo, and leaves nothing")
        func run() throws {
            let (program, _) = try World.core.get()
            let before = try HostTraces.now(of: program.state)
            let output = try program.run(
                "run", "base", "--", "sh", "-c", "tr a-z A-Z; ls /sys/class/net; echo problem >&2; exit 7", input: "hello\n")
            #expect(output.status == .exited(7))
            #expect(output.text == "HELLO\nlo\n" && output.standardError == "problem\n")
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
        }

        @Test("run with an address reaches the host's end and is reached at its own")
        func runWithAddress() throws {
            let (program, _) = try World.core.get()
            let before = try HostTraces.now(of: program.state)
            var machine = try program.start([
                "run", "base", "--address", "10.77.91.2/24", "--host-address", "10.77.91.1/24", "--", "sh", "-c",
                "ping -c 1 -W 5 10.77.91.1 && echo reached; exec sleep 600",
            ])
            try machine.expect("reached")
            try runChecked(["ping", "-c", "1", "-W", "5", "10.77.91.2"])
            machine.signal(SIGTERM)
            #expect(try machine.end() == .exited(143))
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
        }
    }
}
