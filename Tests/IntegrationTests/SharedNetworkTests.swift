import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct SharedNetworkTests {
        private func provision(_ box: BusyboxRoot, _ words: String...) throws -> ProgramOutput {
            try runProgram([Program.path.string] + words + ["--state", box.state.string])
        }

        private func start(_ box: BusyboxRoot, _ name: String, _ options: [String] = []) throws -> Background {
            let running = try Background(
                box.words(
                    "run", ["--ephemeral", "--machine", name, "--network", "office"] + options,
                    ["/bin/sh", "-c", "echo up; exec sleep 600"]),
                output: box.state.removingLastComponent().appending("out-\(name)"))
            try running.expect("up\n")
            return running
        }

        @Test("machines of a network talk by name, also with one that comes later; nothing is left but the network")
        func names() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            var one = try start(box, "one")
            let hosts = box.state.appending("machines/one/hosts")
            #expect(try !Files.readText(hosts).contains(" two\n"))
            var two = try start(box, "two")
            let talk = try box.run(
                ["--ephemeral", "--network", "office"],
                ["/bin/sh", "-c", "ping -c1 -W2 one && ping -c1 -W2 two && ping -c1 -W2 host.provision && ip route"])
            #expect(talk.status == .exited(0), "\(talk.text)")
            #expect(talk.text.contains("default via 10.88."))
            #expect(try Files.readText(hosts).contains(" two\n"))
            let listed = try provision(box, "network", "list").text
            #expect(listed.contains(#/office +10\.88\.\d+\.0\/24 +vb-office +one +10\.88\.\d+\.2/#))
            let refused = try provision(box, "network", "rm", "office")
            #expect(refused.status == .exited(1) && refused.standardError.contains("one, two"))
            two.signal(SIGTERM)
            _ = try two.end()
            #expect(try !Files.readText(hosts).contains(" two\n"))
            one.signal(SIGTERM)
            _ = try one.end()
            #expect(try HostTraces.settled(like: before, of: box) == before)
            #expect(try provision(box, "network", "rm", "office").status == .exited(0))
            #expect(try provision(box, "network", "rm", "office").status == .exited(1))
        }

        @Test("two families, an address of one's choice, and a machine's old address again") func addresses() throws {
            let box = try BusyboxRoot()
            let made = try provision(box, "network", "create", "office", "--subnet", "10.211.8.0/29", "--subnet", "fd11:8::/64")
            #expect(made.status == .exited(0), "\(made.standardError)")
            #expect(try provision(box, "network", "create", "other", "--subnet", "10.211.8.0/24").status == .exited(1))
            #expect(try provision(box, "network", "create", "other", "--subnet", "10.211.9.1/24").status == .exited(2))
            var chosen = try start(box, "chosen", ["--address", "10.211.8.5/29", "--address", "fd11:8::5/64"])
            let talk = try box.run(
                ["--ephemeral", "--network", "office"],
                ["/bin/sh", "-c", "ping -c1 -W2 10.211.8.5 && ping -c1 -W2 fd11:8::5 && ping -c1 -W2 fd11:8::1"])
            #expect(talk.status == .exited(0), "\(talk.text)")
            let taken = try box.run(["--ephemeral", "--network", "office", "--address", "10.211.8.5/29"], ["true"])
            #expect(taken.status == .exited(125) && taken.standardError.contains("in use"))
            let strange = try box.run(["--ephemeral", "--network", "office", "--address", "10.99.9.9/29"], ["true"])
            #expect(strange.status == .exited(125) && strange.standardError.contains("10.211.8.0/29"))
            chosen.signal(SIGTERM)
            _ = try chosen.end()
        }

        @Test("one provision killed, its machine is out of the others' names; all killed, gc takes the bridge") func killed()
            throws
        {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            var one = try start(box, "one")
            var two = try start(box, "two", ["--publish", "8087:80"])
            let hosts = box.state.appending("machines/one/hosts")
            two.signal(SIGKILL)
            _ = try two.end()
            for _ in 0..<100 where try Files.readText(hosts).contains(" two\n") { usleep(50_000) }
            #expect(try !Files.readText(hosts).contains(" two\n"))
            // Without the keeper too.
            for process in try Files.names(in: "/proc").compactMap({ Int32($0) }) {
                let words = try Files.readIfPresent(FilePath("/proc/\(process)/cmdline")) ?? []
                if String(decoding: words, as: UTF8.self).contains("--network-keeper") { kill(process, SIGKILL) }
            }
            one.signal(SIGKILL)
            _ = try one.end()
            #expect(try provision(box, "gc").status == .exited(0))
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }
    }
}
