import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct ExecTests {
        /// A machine whose command waits, and the box that it is made of.
        private func machine(_ options: [String] = []) throws -> (box: BusyboxRoot, machine: RunningJob) {
            let box = try BusyboxRoot()
            return (box, try RunningJob(box, options))
        }

        @Test("a second command sees the machine's processes, file system and host name, and passes status and streams")
        func joins() throws {
            let (box, job) = try machine()
            let output = try job.exec(
                [],
                [
                    "sh", "-c",
                    "hostname; cat /etc/os-release; tail -c 8 /proc/2/cmdline | tr '\\0' '\\n'; tr a-z A-Z; echo no >&2; exit 9",
                ],
                input: "hello\n")
            #expect(output.text == "job\nID=box\nNAME=Box\nforever\nHELLO\n", "\(output.standardError)")
            #expect(output.standardError == "no\n" && output.status == .exited(9))
            withExtendedLifetime(box) {}
        }

        @Test("it has the namespaces, cgroups, capabilities, seccomp filters and no_new_privs of the machine's own command")
        func restraints() throws {
            for options in [[], ["--capability", "-SYS_ADMIN", "--capability=-NET_RAW"]] {
                let (box, job) = try machine(options)
                let facts =
                    "grep -hE '^(CapBnd|CapEff|NoNewPrivs|Seccomp|Seccomp_filters):' /proc/$1/status; cat /proc/$1/cgroup"
                    + "; readlink /proc/$1/ns/*"
                let own = try job.exec([], ["sh", "-c", facts, "sh", "2"])
                let ours = try job.exec([], ["sh", "-c", facts, "sh", "self"])
                #expect(own.text == ours.text && own.text.contains("Seccomp:\t2"), "\(own.text)\n\(ours.text)")
                // The number of filters says nothing of what they do: a call that nspawn refuses is refused here too.
                #expect(
                    try job.exec([], ["sh", "-c", "mount -t tmpfs none /tmp && umount /tmp"]).status.succeeded
                        == options.isEmpty)
                withExtendedLifetime(box) {}
            }
        }

        @Test("--user takes the container's users and any number, with their groups; --env sets what is asked for")
        func identity() throws {
            let (box, job) = try machine()
            let guest = try job.exec(
                ["--user", "guest", "--env", "GREETING=a = b"], ["sh", "-c", "id; echo $HOME $USER $GREETING"])
            #expect(guest.text == "uid=1000(guest) gid=1000(guest) groups=1000(guest)\n/ guest a = b\n")
            #expect(try job.exec(["--user", "4711:guest"], ["sh", "-c", "id -u; id -g"]).text == "4711\n1000\n")
            #expect(
                try job.exec(["--user", "guest"], ["grep", "CapEff", "/proc/self/status"]).text == "CapEff:\t0000000000000000\n"
            )
            let unknown = try job.exec(["--user", "gest"], ["id"])
            #expect(unknown.status == .exited(125) && unknown.standardError.contains("did you mean \"guest\"?"))
            withExtendedLifetime(box) {}
        }

        @Test("death by a signal is 128+n; a signal to exec reaches the command; the machine's end is the command's")
        func signals() throws {
            let (box, job) = try machine()
            #expect(try job.exec([], ["sh", "-c", "kill -9 $$"]).status == .exited(137))
            var trapped = try job.start(["sh", "-c", "trap 'echo caught; exit 3' TERM; echo up; while :; do sleep 0.05; done"])
            try trapped.expect("up")
            trapped.signal(SIGTERM)
            try trapped.expect("caught")
            #expect(try trapped.end() == .exited(143))
            var killed = try job.start(["sh", "-c", "echo up; while :; do sleep 0.05; done"])
            try killed.expect("up")
            try job.stop()
            #expect(try killed.end() == .exited(137))
            let late = try job.exec([], ["true"])
            #expect(late.status == .exited(125) && late.standardError.contains("\"job\""))
            withExtendedLifetime(box) {}
        }

        @Test("a command dies with the provision that started it, killed or not") func deathChain() throws {
            let (box, job) = try machine()
            var exec = try job.start(["sh", "-c", "echo up; while :; do sleep 0.05; done", "marked-sleep"])
            try exec.expect("up")
            exec.signal(SIGKILL)
            _ = try exec.end()
            var left = true
            for _ in 0..<100 where left {
                usleep(50_000)
                left = try job.exec([], ["sh", "-c", "ps -o args | grep -v grep | grep marked-sleep"]).status.succeeded
            }
            #expect(!left)
            withExtendedLifetime(box) {}
        }

        @Test("it gets a terminal of the container's own where we have one, of our size, with our keys") func terminal() throws
        {
            let (box, job) = try machine()
            let typist = try Typist(job.words([], ["sh", "-c", "tty; stty size; echo $TERM | wc -w; exec sh"]))
            try typist.expect("/dev/pts/")
            try typist.expect("24 80")
            typist.resize(TerminalSize(rows: 30, columns: 100))
            typist.type("while ! stty size | grep '30 100'; do sleep 0.05; done\r")
            try typist.expect("\r\n30 100")
            typist.type("sleep 600\r")
            usleep(300_000)
            typist.type("\u{3}")
            typist.type("echo status $?\r")
            try typist.expect("status 130")
            typist.type("exit 4\r")
            #expect(try typist.end() == .exited(4))
            #expect(typist.isRestored)
            withExtendedLifetime(box) {}
        }

        @Test("a multiplexer planted in the container's /dev/pts is not opened") func plantedTerminal() throws {
            let (box, job) = try machine()
            #expect(try job.exec([], ["sh", "-c", "mount -t tmpfs none /dev/pts && mkfifo /dev/pts/ptmx"]).status.succeeded)
            let typist = try Typist(job.words([], ["true"]))
            try typist.expect("pseudo-terminal of the container")
            #expect(try typist.end() == .exited(125))
            withExtendedLifetime(box) {}
        }

        @Test("list and show give the numbers of a machine's processes inside and outside") func numbers() throws {
            struct Shown: Decodable {
                struct Process: Decodable { var inside: Int32, outside: Int32, command: String }
                var `init`: Int32?, uptime: Int64?, command: [String]?, processes: [Process]
            }
            let (box, job) = try machine()
            let program = [Program.path.string, "show", "job", "--state", box.state.string]
            let shown = try JSONDecoder().decode(Shown.self, from: Data(runChecked(program + ["--json"]).standardOutput))
            let second = try #require(shown.processes.first { $0.inside == 2 })
            #expect(try Files.readText(FilePath("/proc/\(second.outside)/status")).contains(#/NSpid:(\t\d+)*\t2\n/#))
            #expect(
                try Files.readText(FilePath("/proc/\(try #require(shown.`init`))/status")).contains(#/NSpid:(\t\d+)*\t1\n/#))
            #expect(shown.uptime != nil && shown.command?.first == "/bin/sh")
            #expect(try runChecked(program).text.contains("\(second.outside)"))
            withExtendedLifetime(job) {}
        }
    }
}

/// A machine `job` whose command does nothing for ever; stopped at the latest when the value goes.
final class RunningJob {
    private let box: BusyboxRoot

    init(_ box: BusyboxRoot, _ options: [String] = []) throws {
        self.box = box
        let words = box.words(
            "run", options + ["--detach", "--machine", "job"], ["/bin/sh", "-c", "while :; do sleep 0.05; done", "forever"])
        let output = try runProgram(words)
        guard output.text == "job\n" else { throw TestFailure("it didn't start: \(output.standardError)") }
    }

    deinit { try? stop() }

    func words(_ options: [String], _ command: [String]) -> [String] {
        [Program.path.string, "exec", "--state", box.state.string] + options + ["job", "--"] + command
    }

    func exec(_ options: [String], _ command: [String], input: String = "") throws -> ProgramOutput {
        try runProgram(words(options, command), input: Array(input.utf8))
    }

    func start(_ command: [String]) throws -> Background {
        try Background(
            words([], command), output: box.state.removingLastComponent().appending("out-\(UInt32.random(in: 0 ... .max))"))
    }

    func stop() throws { try runChecked([Program.path.string, "stop", "job", "--state", box.state.string]) }
}
