import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct ManyMachinesTests {
        @Test("twenty machines leave the host as it was: booted and stopped at once, or with all of provision killed, and gc")
        func busybox() throws {
            let box = try BusyboxRoot(boots: true)
            let program = Program(in: box.state.removingLastComponent())
            try Crowd(program: program, target: box.root.string, memory: "64M", pids: 50).leavesNoTrace()
        }
    }
}

extension EndToEnd {
    /// Whole systems under systemd, each of which takes seven of the host's inotify instances.
    @Suite struct ManySystemsTests {
        @Test("twenty whole systems leave the host as it was, stopped or killed, as small machines do") func systems() throws {
            let program = try World.core.get().program
            let crowd = Crowd(program: program, target: "base", memory: "512M", pids: 200)
            try withInotifyLimit(1024) { try crowd.leavesNoTrace() }
        }

        @Test("where the host has no inotify instances left, boot says so and what to do, before it starts and while it hangs")
        func inotify() throws {
            let program = try World.core.get().program
            try withInotifyLimit(1) {
                var machine = try program.start(["boot", "base", "--ephemeral", "--machine", "starved", "--timeout", "20"])
                try machine.wait(for: "the warnings") { text in
                    text.contains("left for root on this host")
                        && text.contains("machine \"starved\" doesn't boot in order")
                        && text.contains("sysctl -w fs.inotify.max_user_instances=1024")
                }
                machine.signal(SIGTERM)
                #expect(try machine.end() != .signalled(SIGKILL))
            }
        }
    }
}
