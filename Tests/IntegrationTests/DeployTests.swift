import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// An app brought to another host: an sshd in a network namespace of its own, with a state of its own.
    @Suite struct DeployTests {
        private struct Packed: Decodable { var bytes: UInt64 }
        private struct Deployed: Decodable {
            struct Sent: Decodable { var layer: String, name: String, digest: String }
            struct Activation: Decodable {
                var service: String, version: Int, layer: String, machine: String, previous: Int?, changed: Bool
                var seconds: Double
            }
            var sent: [Sent]
            var activation: Activation
        }

        @Test(
            "the first time base and app travel, then only the delta; the switch leaves no gap beyond the restart; rollback works"
        )
        func deployTwice() throws {
            let program = try World.program("deploying")
            _ = try program.succeed(["base", "base", "bash", "coreutils"])
            _ = try program.succeed(["app", "vsftpd", "--on", "base", "--name", "ftp"])
            let server = try SSHServer(state: program.state.removingLastComponent().appending("remote"))
            let start = [
                "--", "--address", "10.77.1.2/24", "--host-address", "10.77.1.1/24", "--", "/usr/sbin/vsftpd",
                "/etc/vsftpd.conf", "-obackground=NO",
            ]

            let first = try program.json(Deployed.self, ["deploy", "ftp", server.destination] + server.options + start)
            #expect(first.sent.map(\.layer) == ["base", "ftp"] && first.activation.version == 1 && first.activation.changed)
            let clientBanner = try server.banner(at: "10.77.1.2")
            #expect(clientBanner.hasPrefix("220 "), "\(clientBanner)")

            // The same again changes nothing, and sends nothing.
            let again = try program.json(Deployed.self, ["deploy", "ftp", server.destination] + server.options + start)
            #expect(again.sent.isEmpty && !again.activation.changed && again.activation.version == 1)

            _ = try program.succeed(["app", "vsftpd", "tar", "--on", "base", "--name", "ftp", "--fresh"])
            let file = program.state.removingLastComponent().appending("ftp.tar.zst").string
            let packed = try program.json(Packed.self, ["pack", "ftp", "-o", file])
            let poll = try server.poll("10.77.1.2")
            let middle = try server.receivedBytes()
            let second = try program.json(Deployed.self, ["deploy", "ftp", server.destination] + server.options)
            let deltaBytes = try server.receivedBytes() - middle
            #expect(second.sent.map(\.layer) == ["ftp"] && second.sent.first?.name != "ftp")
            #expect(second.activation.version == 2 && second.activation.previous == 1)
            // ssh's own frames come on top.
            #expect(deltaBytes < packed.bytes + packed.bytes / 20 + 65536, "\(deltaBytes) bytes for \(packed.bytes)")
            #expect(try server.banner(at: "10.77.1.2").hasPrefix("220 "))
            // One more probe's time on either side, and vsftpd's own start behind the container's.
            let gap = try poll.longestGap()
            #expect(
                gap > 0 && gap <= second.activation.seconds + 2,
                "\(gap) s without service, \(second.activation.seconds) s to restart")

            let back = try program.json(Deployed.Activation.self, ["rollback", "ftp", server.destination] + server.options)
            #expect(back.version == 1 && back.layer == "ftp" && back.previous == 2)
            #expect(try server.banner(at: "10.77.1.2").hasPrefix("220 "))
            let services = try server.services()
            #expect(services.map(\.name) == ["ftp"])
            #expect(services.first?.versions.map(\.number) == [2, 1])
            #expect(services.first?.versions.map(\.state) == ["stopped", "running"])

            // A version that doesn't come up: the one before serves again, and the reason is told.
            let bad = try program.failure(
                ["deploy", "ftp", server.destination] + server.options + ["--", "--", "/no/such/program"])
            #expect(bad.status == 1 && bad.error.message.contains("didn't come up"), "\(bad.error)")
            #expect(bad.error.causes.contains { $0.contains("version 1 serves again") }, "\(bad.error)")
            #expect(try server.banner(at: "10.77.1.2").hasPrefix("220 "))
            let short = try program.failure(
                ["deploy", "ftp", server.destination] + server.options + ["--", "--", "/bin/true"])
            #expect(short.error.message.contains("ended at once") && short.error.hint?.contains("foreground") == true)
            #expect(try server.banner(at: "10.77.1.2").hasPrefix("220 "))
            #expect(try server.services().first?.versions.map(\.number) == [2, 1])
            try server.stop(["ftp-1"])
        }

        @Test("only the last versions are kept, and what a shipped version brought goes with it")
        func keepsTheLast() throws {
            let program = try World.program("keeping")
            _ = try program.succeed(["minimal", "box"])
            let server = try SSHServer(state: program.state.removingLastComponent().appending("remote"))
            var machines: [String] = []
            for round in 1...3 {
                let answer = try program.json(
                    Deployed.self,
                    ["deploy", "box", server.destination, "--service", "job", "--keep", "2"] + server.options
                        + ["--", "--env", "ROUND=\(round)", "--", "/bin/sleep", "1000"])
                #expect(answer.activation.version == round)
                machines.append(answer.activation.machine)
            }
            let versions = try #require(server.services().first).versions
            #expect(versions.map(\.number) == [3, 2] && versions.map(\.machine) == machines.reversed().dropLast())
            #expect(versions.map(\.state) == ["running", "stopped"])
            let nothing = try program.failure(["rollback", "job", server.destination, "--to", "1"] + server.options)
            #expect(nothing.error.code == "not-found" && nothing.error.message.contains("no version 1"))
            try server.stop(["job-3"])
        }

        @Test("a host that can't be reached and one without provision are told apart")
        func unreachable() throws {
            let program = try World.program("unreachable")
            _ = try program.succeed(["minimal", "box"])
            let nobody = try program.failure(["deploy", "box", "root@127.0.0.1", "--ssh", "ssh -p 1 -o BatchMode=yes"])
            #expect(nobody.status == 5 && nobody.error.code == "unreachable")
            let server = try SSHServer(state: program.state.removingLastComponent().appending("remote"))
            let lacking = try program.failure([
                "deploy", "box", server.destination, "--ssh", server.ssh, "--remote", "no-such-provision",
            ])
            #expect(lacking.error.code == "unsupported" && lacking.error.hint?.contains("--remote") == true, "\(lacking.error)")
            let words = try program.failure(["deploy", "box", server.destination, "--", "--adress", "10.0.0.2/24"])
            #expect(words.status == 2)
        }
    }
}

/// An OpenSSH server in a network namespace of its own, reached over a veth pair; stopped and removed when the value goes.
private final class SSHServer {
    private let directory: FilePath
    private let namespace: String
    private let link: String
    private let daemon: Background
    private let address: String
    let ssh: String
    var destination: String { "root@\(address)" }

    var options: [String] { ["--ssh", ssh, "--remote", remote] }
    private let remote: String

    init(state: FilePath) throws {
        directory = state
        try Files.makeDirectory(state, mode: 0o755)
        let number = UInt8.random(in: 1...250)
        namespace = "provision-test-\(getpid())-\(number)"
        link = "pt\(getpid() % 100_000)x\(number)"
        address = "10.76.\(number).2"
        try runChecked(["ip", "netns", "add", namespace])
        try runChecked(["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace])
        try runChecked(["ip", "addr", "add", "10.76.\(number).1/24", "dev", link])
        try runChecked(["ip", "link", "set", link, "up"])
        for words in [
            ["addr", "add", "\(address)/24", "dev", "eth0"], ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"],
        ] {
            try runChecked(["ip", "-n", namespace] + words)
        }
        let (key, hostKey) = (state.appending("key"), state.appending("host-key"))
        for path in [key, hostKey] { try runChecked(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path.string]) }
        try runChecked(["cp", key.string + ".pub", state.appending("authorized").string])
        let configuration = state.appending("sshd_config")
        try Files.write(
            """
            Port 22
            ListenAddress \(address)
            HostKey \(hostKey)
            AuthorizedKeysFile \(state)/authorized
            StrictModes no
            UsePAM no
            PidFile none
            PermitRootLogin prohibit-password
            """, to: configuration)
        try Files.makeDirectory("/run/sshd")
        daemon = try Background(
            ["nsenter", "--net=/run/netns/\(namespace)", "/usr/sbin/sshd", "-D", "-e", "-f", configuration.string],
            output: state.appending("sshd.log"))
        try daemon.expect("Server listening")
        ssh =
            "ssh -F none -i \(key) -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        remote = "env PROVISION_STATE=\(state)/state PROVISION_CACHE=\(state)/cache \(Program.path)"
    }

    deinit {
        daemon.signal(SIGTERM)
        _ = try? runProgram(["ip", "netns", "pids", namespace])
        _ = try? runChecked(["ip", "netns", "del", namespace])
    }

    /// Bytes that came to the host over its link.
    func receivedBytes() throws -> UInt64 {
        let text = try runChecked(["ip", "netns", "exec", namespace, "cat", "/sys/class/net/eth0/statistics/rx_bytes"]).text
        guard let bytes = UInt64(text.filter(\.isNumber)) else { throw TestFailure("no count of bytes: \(text)") }
        return bytes
    }

    /// What an FTP server says first, asked from the host that runs it; waits for a moment, as a client does.
    func banner(at address: String) throws -> String {
        let script = """
            import socket, sys, time
            for attempt in range(100):
                try:
                    print(socket.create_connection((sys.argv[1], 21), 5).recv(200).decode(), end="")
                    break
                except OSError: time.sleep(0.1)
            """
        return try runChecked(["ip", "netns", "exec", namespace, "python3", "-c", script, address]).text
    }

    func services() throws -> [Service] {
        try JSONDecoder().decode([Service].self, from: Data(try runChecked(provision(["services", "--json"])).standardOutput))
    }

    func stop(_ machines: [String]) throws { try runChecked(provision(["stop"] + machines)) }

    private func provision(_ words: [String]) -> [String] {
        [
            "nsenter", "--net=/run/netns/\(namespace)", Program.path.string, words[0], "--state", "\(directory)/state",
            "--cache",
            "\(directory)/cache",
        ] + words.dropFirst()
    }

    /// A client that asks for the service again and again.
    func poll(_ address: String) throws -> Poll {
        let script = """
            import socket, sys, time
            print("polling", flush=True)
            while True:
                try:
                    answer = socket.create_connection((sys.argv[1], 21), 0.5).recv(200)
                    served = answer.startswith(b"220")
                except OSError: served = False
                print(time.monotonic(), 1 if served else 0, flush=True)
                time.sleep(0.02)
            """
        let log = directory.appending("poll.log")
        let background = try Background(
            ["ip", "netns", "exec", namespace, "python3", "-u", "-c", script, address], output: log)
        try background.expect(" 1\n")
        return Poll(background: background)
    }

    struct Service: Decodable {
        struct Version: Decodable { var number: Int, layer: String, machine: String, state: String, current: Bool }
        var name: String
        var versions: [Version]
    }

    final class Poll {
        private let background: Background
        init(background: consuming Background) { self.background = background }
        deinit { background.signal(SIGTERM) }

        /// Seconds between two answers, the longest; it ends with an answer.
        func longestGap() throws -> Double {
            let probes = background.text.split(separator: "\n").dropFirst().compactMap { line -> (Double, Bool)? in
                let parts = line.split(separator: " ")
                return parts.count == 2 ? Double(parts[0]).map { ($0, parts[1] == "1") } : nil
            }
            var last: Double?
            var longest = 0.0
            for (time, served) in probes where served {
                if let last { longest = max(longest, time - last) }
                last = time
            }
            return longest
        }
    }
}
