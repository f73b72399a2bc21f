import Glibc
import System
import SystemPackage
import Testing

extension CrashTests {
    @Test(
        "too little memory, from hardly any to enough: the kernel kills a child or all of it, and there is no layer or the whole one, nothing left, and the next run makes it"
    )
    func memoryLimit() throws {
        let reference = try fixture.program("reference")
        let digest = try fixture.build(reference)
        let wanted = try CrashFixture.paths(reference)
        let program = try fixture.program("short")
        let traces = try HostTraces.now(of: program.state)
        var (killed, enough) = (0, 0)
        // State and cache lie in memory too where the temporary directory does: they count then.
        var limit: UInt64 = 6 << 20
        while enough < 2, limit < 4 << 30 {
            if Files.exists(program.cache) { try Files.remove(program.cache) }
            let memory = try MemoryLimit(bytes: limit)
            var run = try program.start(fixture.words, cgroups: memory.members)
            let status = try run.end()
            let where_: Comment = "\(limit >> 20) MiB: \(status), \(run.text)"
            let kills = try memory.kills
            #expect(try HostTraces.settled(like: traces, of: program.state) == traces, where_)
            try memory.remove()
            switch status {
            case .signalled(SIGKILL): killed += 1
            case .exited(1):
                // What it says is that something was killed, or is what the kernel says where memory is short.
                #expect(kills > 0 || run.text.contains("annot allocate memory"), where_)
                #expect(run.text.contains("error: "), where_)
            default:
                #expect(status == .exited(0), where_)
                enough += 1
            }
            let layers = try program.layers()
            #expect(layers.map(\.digest) == (status == .exited(0) ? [digest] : []) || layers.map(\.digest) == [digest], where_)
            #expect(try fixture.build(program) == digest, where_)
            #expect(try program.stagings == [], where_)
            let found = try CrashFixture.paths(program)
            #expect(found == wanted, "\(found.symmetricDifference(wanted).sorted().prefix(5)), \(limit >> 20) MiB")
            try program.succeed(["rm", "shop"])
            limit += limit / 5
        }
        #expect(enough == 2 && killed >= 3)
    }

    @Test("a child that the kernel kills for want of memory makes the run fail, which says that, and leaves nothing")
    func childKilledForMemory() throws {
        let program = try fixture.program("bereft-of-memory")
        let digest = try fixture.build(program)
        try program.succeed(["rm", "shop"])
        let traces = try HostTraces.now(of: program.state)
        let memory = try MemoryLimit(bytes: 4 << 20)
        var run = try program.start(fixture.words)
        // Those that verify and install, and what the latter has started by then; the program itself has all the memory there is.
        let pid = run.pid
        try run.wait(for: "its children") { _ in
            (try? runProgram(["pgrep", "-P", String(pid)]).text.split(separator: "\n").count) ?? 0 >= 2
        }
        for child in try ProcessFamily(of: pid).descendants {
            for group in memory.members { _ = write(group.rawValue, String(child), String(child).utf8.count) }
        }
        let status = try run.end()
        #expect(status == .exited(1), "\(run.text)")
        #expect(try memory.kills > 0)
        #expect(run.text.contains("the kernel may have killed it"), "\(run.text)")
        #expect(try HostTraces.settled(like: traces, of: program.state) == traces)
        try memory.remove()
        #expect(try program.layers().isEmpty)
        #expect(try program.stagings == [])
        #expect(try fixture.build(program) == digest)
    }

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
