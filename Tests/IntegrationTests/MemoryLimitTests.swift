import Glibc
import System
import SystemPackage
import Testing

extension CrashTests {
    @Test("a scriptlet that wants more memory than there is dies of it, and is named")
    func scriptletKilledForMemory() throws {
        let hog = try fixture.factory.package(
            "hog", files: [], sections: "%pre\nbusybox tail -n 1 /dev/zero\n", header: "Requires(pre): /bin/sh")
        try fixture.factory.sign(hog, by: fixture.market.trusted)
        try fixture.market.add(hog)
        try fixture.market.publish()
        let program = try fixture.program("hungry")
        let traces = try HostTraces.now(of: program.state)
        let memory = try MemoryLimit(bytes: 256 << 20)
        var run = try program.start(fixture.words + ["hog"], cgroups: memory.members)
        #expect(try run.end() == .exited(1))
        #expect(try memory.kills > 0)
        #expect(run.text.contains("the %pre scriptlet of package \"hog-1-1.noarch\" failed"), "\(run.text)")
        #expect(try HostTraces.settled(like: traces, of: program.state) == traces)
        try memory.remove()
        #expect(try program.layers().isEmpty)
        #expect(try program.stagings == [])
    }
}
