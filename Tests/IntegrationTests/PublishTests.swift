import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct PublishTests {
        private static let addresses = [
            "--address", "10.211.7.2/24", "--host-address", "10.211.7.1/24", "--address", "fd11:7::2/64", "--host-address",
            "fd11:7::1/64",
        ]
        private static let web = "mkdir -p /tmp/w; echo page > /tmp/w/index.html; echo up; exec httpd -f -p 80 -h /tmp/w"

        private func start(_ box: BusyboxRoot, _ options: [String], _ script: String) throws -> Background {
            let running = try Background(
                box.words("run", ["--ephemeral", "--machine", "published"] + options, ["/bin/sh", "-c", script]),
                output: box.state.removingLastComponent().appending("out"))
            try running.expect("up\n")
            return running
        }

        private func get(_ url: String, at remote: RemoteHost? = nil) throws -> String {
            let curl = ["curl", "--silent", "--max-time", "5", "--retry", "5", "--retry-connrefused", "--globoff", url]
            return try runProgram(remote?.words(curl) ?? curl).text
        }

        @Test(
            "a published port serves the host's loopback, its addresses, and another host, over IPv4 and IPv6; nothing is left")
        func everywhere() throws {
            let box = try BusyboxRoot()
            let remote = try RemoteHost("publish")
            let before = try HostTraces.now(of: box)
            var running = try start(box, Self.addresses + ["--publish", "8088:80"], Self.web)
            for url in ["127.0.0.1", "[::1]", RemoteHost.ours, "10.211.7.1", "[fd02::1]", "[fd11:7::1]"] {
                #expect(try get("http://\(url):8088/") == "page\n", "\(url)")
            }
            for url in [RemoteHost.ours, "[fd02::1]"] {
                #expect(try get("http://\(url):8088/", at: remote) == "page\n", "\(url)")
            }
            running.signal(SIGTERM)
            #expect(try running.end() == .exited(143))
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("two containers publish ports over IPv6 at the same time, each on the loopback too") func together() throws {
            let box = try BusyboxRoot()
            var running = try start(box, Self.addresses + ["--publish", "8088:80"], Self.web)
            var other = try Background(
                box.words(
                    "run",
                    [
                        "--ephemeral", "--address", "fd11:17::2/64", "--host-address", "fd11:17::1/64", "--publish",
                        "[::1]:8087:80",
                    ], ["/bin/sh", "-c", Self.web.replacing("page", with: "other")]),
                output: box.state.removingLastComponent().appending("other"))
            try other.expect("up\n")
            #expect(try get("http://[::1]:8088/") == "page\n" && get("http://[::1]:8087/") == "other\n")
            other.signal(SIGTERM)
            _ = try other.end()
            #expect(try get("http://[::1]:8088/") == "page\n")
            running.signal(SIGTERM)
            _ = try running.end()
        }

        @Test("a port published on one address is there only, ranges keep their order, and udp is apart from tcp")
        func particular() throws {
            let box = try BusyboxRoot()
            let remote = try RemoteHost("publish")
            let servers = "for p in 71 72; do (while :; do echo tcp $p | nc -l -p $p; done) & done; "
            var running = try start(
                box,
                ["--publish", "127.0.0.1:8089:71", "--publish", "8090-8091:71-72", "--publish", "8089:7000/udp"],
                servers + "echo up; exec sleep 61700")
            func ask(_ words: [String], at remote: RemoteHost? = nil) throws -> String {
                let nc = ["busybox", "nc", "-w", "2"] + words
                for _ in 0..<20 {
                    let answer = try runProgram(remote?.words(nc) ?? nc).text
                    if !answer.isEmpty { return answer }
                    usleep(100_000)
                }
                return ""
            }
            #expect(try ask(["127.0.0.1", "8089"]) == "tcp 71\n")
            #expect(try runProgram(remote.words(["busybox", "nc", "-w", "1", RemoteHost.ours, "8089"])).text == "")
            #expect(try ask([RemoteHost.ours, "8090"], at: remote) == "tcp 71\n")
            #expect(try ask([RemoteHost.ours, "8091"], at: remote) == "tcp 72\n")
            // The small root has no server for datagrams: one of the host's, in the container's network.
            let inside = try runChecked(["pgrep", "-f", "-x", "sleep 61700"]).text.split(separator: "\n")
            let server = try Background(
                [
                    "nsenter", "--net", "--target", String(try #require(inside.first)), "python3", "-c",
                    "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 7000))\n"
                        + "while 1: s.sendto(*s.recvfrom(100))",
                ], output: box.state.removingLastComponent().appending("datagrams"))
            defer { server.signal(SIGKILL) }
            let datagram = """
                import socket, sys
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.settimeout(0.5)
                for _ in range(20):
                    s.sendto(b"datagram", (sys.argv[1], 8089))
                    try: print(s.recv(100).decode()); break
                    except OSError: pass
                """
            #expect(try remote.run(["python3", "-c", datagram, RemoteHost.ours]).text == "datagram\n")
            running.signal(SIGTERM)
            _ = try running.end()
        }

        @Test("a published port opens no way from the container to the host's loopback") func guarded() throws {
            let box = try BusyboxRoot()
            // Counts what the container sends there, before anybody's rules and after them.
            try runChecked(
                [
                    "nft",
                    """
                    add table inet pv-count
                    add chain inet pv-count sent { type filter hook prerouting priority -400; }
                    add chain inet pv-count arrived { type filter hook input priority 0; }
                    add rule inet pv-count sent iifname "vp-published" ip daddr 127.0.0.1 counter
                    add rule inet pv-count arrived iifname "vp-published" ip daddr 127.0.0.1 counter
                    """,
                ])
            defer { _ = try? runProgram(["nft", "delete", "table", "inet", "pv-count"]) }
            let script = """
                ip route add 127.0.0.1/32 via 10.211.7.1 dev host0 src 10.211.7.2 table 7; ip rule add to 127.0.0.1 table 7 pref 0
                ip rule add pref 9 lookup local; ip rule del pref 0 lookup local; nc -w 1 127.0.0.1 7099; echo asked
                """
            let output = try box.run(
                Self.addresses + ["--ephemeral", "--machine", "published", "--publish", "8088:80"], ["/bin/sh", "-c", script])
            #expect(output.text == "asked\n")
            let counters = try runChecked(["nft", "list", "table", "inet", "pv-count"]).text.matches(
                of: #/counter packets (\d+)/#
            )
            .map { Int($0.1) ?? 0 }
            #expect(counters.count == 2 && counters[0] > 0 && counters[1] == 0, "\(counters)")
        }

        @Test("a port that is taken, by a program or another container, is refused before anything starts") func taken() throws
        {
            let box = try BusyboxRoot()
            var running = try start(box, ["--publish", "8088:80"], Self.web)
            let before = try HostTraces.now(of: box)
            let second = try box.run(["--ephemeral", "--publish", "8088:81"], ["echo", "started"])
            #expect(second.status == .exited(125) && second.text.isEmpty)
            #expect(second.standardError.contains("tcp port 8088 is in use"))
            #expect(try HostTraces.settled(like: before, of: box) == before)
            for bad in ["80", "0:80", "1-3:4-5", "80:80/sctp", "x:80:80", "80:70000"] {
                #expect(try box.run(["--publish", bad], ["true"]).status == .exited(2), "\(bad)")
            }
            running.signal(SIGTERM)
            _ = try running.end()
        }

        @Test("rules, forwarding and reservations are gone when provision was killed, and the host's own table stays as it was")
        func killed() throws {
            let box = try BusyboxRoot()
            try runChecked(["nft", "add table inet pv-host; add chain inet pv-host in { type filter hook input priority 0; }"])
            defer { _ = try? runProgram(["nft", "delete", "table", "inet", "pv-host"]) }
            let before = try HostTraces.now(of: box)
            var running = try start(box, ["--publish", "8088:80", "--nat"], Self.web)
            #expect(try HostTraces.now(of: box).rules.contains("provision-published"))
            // What an administrator does to load the host's own rules anew leaves the container's alone.
            running.signal(SIGKILL)
            _ = try running.end()
            var after = try HostTraces.settled(like: before, of: box)
            after.cgroups = before.cgroups
            #expect(after == before)
            try runChecked([Program.path.string, "gc", "--state", box.state.string])
            #expect(try HostTraces.now(of: box) == before)
        }
    }
}
