import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// An FTP server, the protocol that is hardest on networks: it opens connections of its own, in either direction.
    @Suite struct MachineNetworkTests {
        @Test(
            "FTP in passive and active mode: over the veth pair, through a published port on the loopback, and from another host"
        )
        func ftp() throws {
            let (program, answer) = try World.vsftpd.get()
            let remote = try RemoteHost("ftp")
            let before = try HostTraces.now(of: program.state)
            var machine = try program.start([
                "boot", "vsftpd", "--machine", "ftp", "--ephemeral", "--address", "10.0.0.2/24", "--host-address",
                "10.0.0.1/24",
                "--publish", "2121:21",
            ])
            try machine.expect("login: ")
            let file = FilePath(try #require(answer.path)).appending("var/ftp/pub/README")
            let content = try Files.readText(file)
            #expect(!content.isEmpty)
            let modes = [
                ["--ftp-pasv"], ["--ftp-pasv", "--disable-epsv"], ["--ftp-port", "-"], ["--ftp-port", "-", "--disable-eprt"],
            ]
            for (place, wrap) in [
                ("10.0.0.2", { $0 }), ("127.0.0.1:2121", { $0 }), ("\(RemoteHost.ours):2121", remote.words),
            ] as [(String, ([String]) -> [String])] {
                for mode in modes {
                    let curl =
                        ["curl", "--silent", "--show-error", "--max-time", "20", "--retry", "20", "--retry-connrefused"] + mode
                    let names = try runProgram(wrap(curl + ["--list-only", "ftp://\(place)/pub/"]))
                    #expect(names.text == "README\n", "\(place) \(mode): \(names.standardError)")
                    let fetched = try runProgram(wrap(curl + ["ftp://\(place)/pub/README"]))
                    #expect(fetched.text == content, "\(place) \(mode): \(fetched.standardError)")
                }
            }
            #expect(try program.succeed(["show", "ftp"]).contains(#/published +2121:21/tcp/#))
            try program.succeed(["stop", "ftp"])
            #expect(try machine.end() == .exited(0))
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
        }

        @Test("a booted system reaches another host by NAT, asks the name server it was given, and knows its neighbour by name")
        func systems() throws {
            let (program, _) = try World.core.get()
            let remote = try RemoteHost("nat")
            let before = try HostTraces.now(of: program.state)
            let page = program.state.removingLastComponent().appending("page")
            try Files.makeDirectory(page)
            try Files.write("from afar\n", to: page.appending("index.html"))
            let server = try Background(
                remote.words(["busybox", "httpd", "-f", "-p", "80", "-h", page.string]), output: page.appending("log"))
            defer { server.signal(SIGKILL) }
            var machine = try program.start(["boot", "base", "--machine", "neighbour", "--ephemeral", "--network", "systems"])
            try machine.expect("login: ")
            let script = """
                exec 3<>/dev/tcp/\(RemoteHost.address)/80 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && tail -n 1 <&3
                grep nameserver /etc/resolv.conf; getent hosts neighbour | tr -s ' '; hostname
                """
            let output = try program.run(
                "run", "base", "--machine", "asking", "--ephemeral", "--network", "systems", "--nat", "--dns", "192.0.2.53",
                "--",
                "bash", "-c", script)
            let lines = output.text.split(separator: "\n").map(String.init)
            #expect(lines.count == 4, "\(output.text) \(output.standardError)")
            #expect(lines.first == "from afar" && lines.dropFirst().first == "nameserver 192.0.2.53")
            #expect(lines.dropFirst(2).first?.contains(#/^10\.88\.\d+\.2 neighbour$/#) == true && lines.last == "asking")
            try program.succeed(["stop", "neighbour"])
            #expect(try machine.end() == .exited(0))
            try program.succeed(["network", "rm", "systems"])
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
        }
    }
}
