import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct BootTests {
        private func boot(_ box: BusyboxRoot, _ options: [String] = []) throws -> Background {
            let booting = try Background(
                box.words("boot", ["--machine", "boxed"] + options), output: box.state.removingLastComponent().appending("out"))
            try booting.expect("login: ")
            return booting
        }

        @Test("SIGTERM shuts a machine down in order: 0, its own last words on the console, nothing left") func shutdown()
            throws
        {
            let box = try BusyboxRoot(boots: true)
            let before = try HostTraces.now(of: box)
            var machine = try boot(box, ["--address", "10.211.7.2/24", "--host-address", "10.211.7.1/24"])
            #expect(try runProgram(["ping", "-c1", "-W2", "10.211.7.2"]).status.succeeded)
            machine.signal(SIGTERM)
            #expect(try machine.end() == .exited(0))
            #expect(machine.text.contains("goes down"))
            #expect(try HostTraces.now(of: box) == before)
        }

        @Test("a second boot of a running machine is refused and names the process") func twice() throws {
            let box = try BusyboxRoot(boots: true)
            var machine = try boot(box)
            let second = try runProgram(box.words("boot", ["--machine", "boxed"]))
            #expect(second.status == .exited(125) && second.standardError.contains("process \(machine.pid)"))
            machine.signal(SIGINT)
            #expect(try machine.end() == .exited(0))
        }

        @Test("after SIGKILL of provision no process, interface or mount is left; the next start sweeps the cgroups")
        func killed() throws {
            let box = try BusyboxRoot(boots: true)
            let before = try HostTraces.now(of: box)
            var machine = try boot(box, ["--address", "10.211.8.2/24", "--host-address", "10.211.8.1/24"])
            let alive = try HostTraces.now(of: box)
            #expect(alive.interfaces.count == 1 && !alive.cgroups.isEmpty && !alive.processes.isEmpty)
            machine.signal(SIGKILL)
            #expect(try machine.end() == .signalled(SIGKILL))
            var expected = before
            expected.cgroups = alive.cgroups
            #expect(try HostTraces.settled(like: expected, of: box) == expected)
            #expect(try box.run([], ["true"]).status.succeeded)
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("a command's processes die with a killed provision, those that left their parent too") func orphans() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            var running = try Background(
                box.words(
                    "run", [],
                    [
                        "/bin/sh", "-c",
                        "cp /bin/busybox /tmp/sleep; (exec -a marked-sleep /tmp/sleep 600 &); setsid /tmp/sleep 601 & echo up; wait",
                    ]),
                output: box.state.removingLastComponent().appending("out"))
            try running.expect("up")
            running.signal(SIGKILL)
            #expect(try running.end() == .signalled(SIGKILL))
            var expected = before
            expected.cgroups = try HostTraces.now(of: box).cgroups
            #expect(try HostTraces.settled(like: expected, of: box) == expected)
            let left = try runChecked(["ps", "-e", "-o", "args="]).text
            #expect(!left.contains("/tmp/sleep 60") && !left.contains("marked-sleep"))
            // The next start takes the cgroups.
            #expect(try box.run([], ["true"]).status.succeeded)
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("a machine that asks for a reboot starts again with the same network") func reboot() throws {
            let box = try BusyboxRoot(boots: true)
            try Files.write(
                "::sysinit:/bin/sh -c 'if [ -e /again ]; then echo second start; else touch /again; (sleep 1; kill -TERM 1) & fi'\n"
                    + "console::respawn:/sbin/getty -L 0 console vt100\n", to: box.root.appending("etc/inittab"))
            var machine = try boot(box, ["--address", "10.211.9.2/24", "--host-address", "10.211.9.1/24"])
            try machine.expect("second start")
            #expect(try runProgram(["ping", "-c1", "-W2", "10.211.9.2"]).status.succeeded)
            machine.signal(SIGTERM)
            #expect(try machine.end() == .exited(0))
        }

        @Test("a root without init is refused with what to do instead") func noInit() throws {
            let box = try BusyboxRoot()
            let output = try runProgram(box.words("boot"))
            #expect(output.status == .exited(125) && output.standardError.contains("provision run"))
        }
    }
}
