import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    /// `--interface`, with one end of a veth pair of the host's: the kernel would destroy it with the container's namespace.
    @Suite struct MovedInterfaceTests {
        private func withPair(_ body: () throws -> Void) throws {
            try runChecked(["ip", "link", "add", "pv-moved", "type", "veth", "peer", "name", "pv-stays"])
            defer { _ = try? runProgram(["ip", "link", "delete", "pv-stays"]) }
            for words in [
                ["address", "add", "10.211.10.1/24", "dev", "pv-stays"], ["link", "set", "pv-stays", "up"],
                ["address", "add", "10.211.10.2/24", "dev", "pv-moved"],
                ["address", "add", "fd11:10::2/64", "dev", "pv-moved", "nodad"], ["link", "set", "pv-moved", "up"],
                ["route", "add", "10.211.11.0/24", "via", "10.211.10.9", "metric", "77"],
                ["-6", "route", "add", "fd11:11::/64", "via", "fd11:10::9"],
            ] { try runChecked(["ip"] + words) }
            try body()
        }

        /// Link-local addresses come a moment later.
        private func state() throws -> [Substring] {
            let addresses = try runProgram(["ip", "-brief", "address", "show", "dev", "pv-moved"]).text.split(separator: " ")
                .filter { !$0.hasPrefix("fe80") }
            let routes = try ["-4", "-6"].flatMap {
                try runProgram(["ip", $0, "route", "show", "dev", "pv-moved"]).text.split(separator: "\n")
            }
            return addresses + routes.filter { $0.contains(" via ") }
        }

        @Test("it moves in with its addresses, under the container's eyes only, and comes back as it was, routes included")
        func inAndOut()
            throws
        {
            let box = try BusyboxRoot()
            try withPair {
                let before = try state()
                let script =
                    "ping -c1 -W2 10.211.10.1 >/dev/null && echo reached; ip link set pv-moved down; ip link set pv-moved name x"
                let output = try box.run(["--interface", "pv-moved"], ["/bin/sh", "-c", script])
                #expect(output.text == "reached\n", "\(output.standardError)")
                #expect(try state() == before && before.contains("UP"))
                let missing = try box.run(["--interface", "pv-none"], ["true"])
                #expect(missing.status == .exited(125) && missing.standardError.contains("\"pv-none\""))
            }
        }

        @Test("it comes back when provision is killed") func killed() throws {
            let box = try BusyboxRoot()
            try withPair {
                let before = try state()
                var running = try Background(
                    box.words("run", ["--interface", "pv-moved"], ["/bin/sh", "-c", "echo up; exec sleep 600"]),
                    output: box.state.removingLastComponent().appending("out"))
                try running.expect("up")
                #expect(try state().isEmpty)
                running.signal(SIGKILL)
                _ = try running.end()
                for _ in 0..<100 where try state() != before { usleep(50_000) }
                #expect(try state() == before)
                try runChecked([Program.path.string, "gc", "--state", box.state.string])
            }
        }
    }
}
