import Glibc
import System
import SystemPackage
import Testing

extension CrashTests {
    @Test(
        "memory limits from hardly anything to enough: the kernel kills a child or all of it, and there is no layer or the whole one, nothing left, and the next run makes it"
    )
    func memoryLimit() throws {
        let reference = try fixture.program("reference")
        let digest = try fixture.build(reference)
        let wanted = try CrashFixture.paths(reference)
        let program = try fixture.program("short")
        let traces = try HostTraces.now(of: program.state)
        var (killed, enough) = (0, false)
        // State and cache lie in memory too where the temporary directory does: they count then.
        var limit: UInt64 = 4 << 20
        while !enough, limit < 4 << 30 {
            if Files.exists(program.cache) { try Files.remove(program.cache) }
            let memory = try MemoryLimit(bytes: limit)
            var run = try program.start(fixture.words, cgroups: memory.members)
            let status = try run.endOrKill(after: 20)
            let where_: Comment = "\(limit >> 20) MiB: \(status), \(run.text)"
            #expect(try HostTraces.settled(like: traces, of: program.state) == traces, where_)
            if try memory.kills > 0 { killed += 1 }
            try memory.remove()
            // Which process the kernel takes, and what it was doing, differs from run to run; what is left must not.
            #expect([.signalled(SIGKILL), .exited(1), .exited(0)].contains(status), where_)
            #expect(status != .exited(1) || run.text.contains("error: "), where_)
            let layers = try program.layers().map(\.digest)
            #expect(layers == [digest] || (layers.isEmpty && status != .exited(0)), where_)
            #expect(try fixture.build(program) == digest, where_)
            #expect(try program.stagings == [], where_)
            let found = try CrashFixture.paths(program)
            #expect(found == wanted, "\(found.symmetricDifference(wanted).sorted().prefix(5)), \(limit >> 20) MiB")
            try program.succeed(["rm", "shop"])
            enough = status == .exited(0)
            limit += limit / 5
        }
        #expect(enough && killed > 0)
    }

    @Test("a child that the kernel kills for want of memory makes the run fail, which says that, and leaves nothing")
    func childKilledForMemory() throws {
        // While the gate's scriptlet waits, all that is to come runs out of memory: liblzma needs as much as it unpacks here.
        let gate = try fixture.factory.package(
            "gate", sections: "%post\ntouch /waiting\nuntil [ -e /open ]; do sleep 0.02; done\n",
            header: "Requires(post): shell")
        let heavy = try fixture.factory.package(
            "heavy", install: "head -c 60M /dev/zero >$RPM_BUILD_ROOT/zeros", files: ["/zeros"],
            header: "%global _binary_payload w9.xzdio\nRequires: gate")
        for package in [gate, heavy] {
            try fixture.factory.sign(package, by: fixture.market.trusted)
            try fixture.market.add(package)
        }
        try fixture.market.publish()
        let program = try fixture.program("bereft-of-memory")
        func built(_ atGate: (Int32) throws -> Void) throws -> Background {
            var run = try program.start(["base", "shop", "heavy", "-c", fixture.market.configuration.string])
            var tree: String?
            try run.wait(for: "the gate") { _ in
                tree = try? runProgram(["find", program.state.appending("staging").string, "-name", "waiting"]).text
                    .split(separator: "\n").first.map(String.init)
                return tree != nil
            }
            try atGate(run.pid)
            try Files.write("", to: FilePath(tree!).removingLastComponent().appending("open"))
            return run
        }
        let traces = try HostTraces.now(of: program.state)
        let memory = try MemoryLimit(bytes: 16 << 20)
        var run = try built { pid in
            for child in try ProcessFamily(of: pid).pids where child != pid {
                for group in memory.members { _ = write(group.rawValue, String(child), String(child).utf8.count) }
            }
        }
        #expect(try run.end() == .exited(1), "\(run.text)")
        #expect(try memory.kills > 0)
        #expect(run.text.contains("the kernel may have killed it"), "\(run.text)")
        #expect(try HostTraces.settled(like: traces, of: program.state) == traces)
        try memory.remove()
        #expect(try program.layers().isEmpty)
        #expect(try program.stagings == [])
        var again = try built { _ in }
        #expect(try again.end() == .exited(0), "\(again.text)")
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
