import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct NetworkTests {
        @Test("the host reaches a server in the container, and it the host, over IPv4 and IPv6, at once") func veth() throws {
            let box = try BusyboxRoot()
            let place = box.state.removingLastComponent()
            let script =
                "ip route; ping -c1 -W2 10.211.5.1 >/dev/null && echo reached; echo served > /tmp/f; exec nc -l -p 7000 < /tmp/f"
            var running = try Background(
                box.words(
                    "run",
                    [
                        "--address", "10.211.5.2/24", "--host-address", "10.211.5.1/24", "--address", "fd11:5::2/64",
                        "--host-address", "fd11:5::1/64",
                    ], ["/bin/sh", "-c", script]), output: place.appending("out"))
            try running.expect("reached")
            #expect(running.text.contains("default via 10.211.5.1"))
            #expect(try runProgram(["ping", "-c1", "-W2", "fd11:5::2"]).status.succeeded)
            // The server may take a moment after the echo.
            var served = ""
            for _ in 0..<50 where served.isEmpty {
                served = try runProgram(["busybox", "nc", "-w", "2", "10.211.5.2", "7000"]).text
            }
            #expect(served == "served\n")
            #expect(try running.end() == .exited(0))
        }

        @Test("an address that the host has is refused before anything starts") func taken() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            try runChecked(["ip", "link", "add", "pv-test0", "type", "veth", "peer", "name", "pv-test1"])
            defer { _ = try? runProgram(["ip", "link", "delete", "pv-test0"]) }
            try runChecked(["ip", "address", "add", "10.211.6.1/24", "dev", "pv-test0"])
            try runChecked(["ip", "link", "set", "pv-test0", "up"])
            let own = try box.run(["--address", "10.211.6.2/24", "--host-address", "10.211.6.1/24"], ["true"])
            #expect(own.status == .exited(125) && own.standardError.contains("pv-test0"))
            let overlapping = try box.run(["--address", "10.211.6.130/25", "--host-address", "10.211.6.129/25"], ["true"])
            #expect(overlapping.status == .exited(125) && overlapping.standardError.contains("10.211.6.0/24"))
            #expect(try HostTraces.now(of: box) == before)
        }

        @Test("--netns joins what ip netns add made, and leaves it there") func named() throws {
            let box = try BusyboxRoot()
            try runChecked(["ip", "netns", "add", "pv-test"])
            defer { _ = try? runProgram(["ip", "netns", "delete", "pv-test"]) }
            try runChecked(["ip", "-netns", "pv-test", "link", "add", "inside", "type", "veth", "peer", "name", "outside"])
            #expect(try box.run(["--netns", "pv-test"], ["ls", "/sys/class/net"]).text.contains("inside"))
            #expect(try runChecked(["ip", "-netns", "pv-test", "link"]).text.contains("inside"))
            #expect(try box.run(["--netns", "pv-none"], ["true"]).status == .exited(125))
        }
    }
}
