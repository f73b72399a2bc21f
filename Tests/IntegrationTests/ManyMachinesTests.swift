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
    @Suite struct ManySystemsTests {
        @Test("twenty whole systems under systemd leave the host as it was, stopped or killed, as small machines do")
        func systems() throws {
            let program = try World.core.get().program
            try Crowd(program: program, target: "base", memory: "512M", pids: 200).leavesNoTrace()
        }
    }
}
