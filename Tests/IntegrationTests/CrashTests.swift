import Diagnostics
import Glibc
import System
import SystemPackage
import Testing

/// Runs that end at any moment, by whatever: the old layer or the new one, never half, and the next command finds its world in order.
@Suite("Crashes", .serialized)
struct CrashTests {
    let fixture: CrashFixture

    init() throws { fixture = try CrashFixture() }

    @Test(
        "killed with all its processes at fifty random moments, the list is clean, nothing is left, and the next run is the reference"
    )
    func fiftyKills() throws {
        let reference = try fixture.program("reference")
        let began = ContinuousClock.now
        let digest = try fixture.build(reference)
        let duration = Int((ContinuousClock.now - began) / .milliseconds(1))
        let wanted = try CrashFixture.paths(reference)
        let program = try fixture.program("killed")
        let traces = try HostTraces.now(of: program.state)
        var whole = 0
        for round in 0..<50 {
            let moment = fixture.next(below: duration * 11 / 10)
            let where_: Comment = "PROVISION_TEST_SEED=\(fixture.seed), round \(round), after \(moment) of \(duration) ms"
            // From an empty cache each third time, so that downloads are hit too.
            if round % 3 == 0, Files.exists(program.cache) { try Files.remove(program.cache) }
            var run = try program.start(fixture.words)
            usleep(UInt32(moment) * 1000)
            kill(-run.pid, SIGKILL)
            _ = try run.end()
            #expect(try HostTraces.settled(like: traces, of: program.state) == traces, where_)
            let layers = try program.layers()
            #expect(layers.isEmpty || layers.map(\.digest) == [digest], where_)
            if !layers.isEmpty { whole += 1 }
            #expect(try fixture.build(program) == digest, where_)
            #expect(try program.stagings == [], where_)
            let found = try CrashFixture.paths(program)
            #expect(
                found == wanted, "\(found.symmetricDifference(wanted).sorted().prefix(5)), seed \(fixture.seed), round \(round)"
            )
            try program.succeed(["rm", "shop"])
        }
        // Most are cut off somewhere within.
        #expect(whole < 45)
    }

    @Test("gc removes what a killed run left as well as the next build does")
    func sweptByGC() throws {
        let program = try fixture.program("swept")
        var run = try program.start(fixture.words)
        for _ in 0..<6000 {
            if try !program.stagings.isEmpty { break }
            usleep(2_000)
        }
        kill(-run.pid, SIGKILL)
        _ = try run.end()
        #expect(try program.stagings.count == 1)
        try program.succeed(["gc"])
        #expect(try program.stagings == [])
        #expect(try program.layers().isEmpty)
    }

    @Test("a child of its own that is killed makes the run fail, and leaves nothing")
    func killedChild() throws {
        let program = try fixture.program("bereft")
        let digest = try fixture.build(program)
        try program.succeed(["rm", "shop"])
        var killed = 0
        for _ in 0..<40 where killed < 5 {
            var run = try program.start(fixture.words + ["--progress", "json"])
            usleep(UInt32(20_000 + fixture.next(below: 300_000)))
            let children = try runProgram(["pgrep", "-P", String(run.pid)]).text.split(separator: "\n").compactMap { Int32($0) }
            guard let child = children.last, kill(child, SIGKILL) == 0 else {
                run.signal(SIGKILL)
                _ = try run.end()
                if try !program.layers().isEmpty { try program.succeed(["rm", "shop"]) }
                continue
            }
            let status = try run.end()
            if status == .exited(0) {
                // The child's work was done by then.
                #expect(try program.layers().map(\.digest) == [digest])
                try program.succeed(["rm", "shop"])
                continue
            }
            killed += 1
            #expect(status == .exited(1), "\(run.text)")
            #expect(try program.layers().isEmpty)
            #expect(try program.stagings == [])
        }
        #expect(killed == 5, "PROVISION_TEST_SEED=\(fixture.seed)")
        #expect(try fixture.build(program) == digest)
    }

    @Test(
        "a full disk, whichever stage meets it: an error that says so, nothing left, and with more room it goes on",
        arguments: ["state", "cache"])
    func full(place: String) throws {
        let reference = try fixture.build(try fixture.program("reference"))
        let program = try fixture.program("full-\(place)")
        let directory = place == "state" ? program.state : program.cache
        try CrashFixture.withMounted(["-t", "tmpfs", "-o", "size=64k", "tmpfs"], at: directory) {
            var failures = 0
            var size = 64
            while size < 1 << 20 {
                let output = try runProgram(program.arguments(["--json"] + fixture.words))
                if output.status.succeeded { break }
                failures += 1
                #expect(output.status == .exited(1), "\(size) KiB: \(output.text) \(output.standardError)")
                let said = output.text.lowercased()
                #expect(
                    said.contains("no space left") || said.contains("full") || said.contains("fills the disk")
                        || said.contains("more space on the"),
                    "\(size) KiB: \(said)")
                #expect(try program.stagings == [], "\(size) KiB")
                #expect(try program.layers().isEmpty, "\(size) KiB")
                size += max(64, size / 4)
                try runChecked(["mount", "-o", "remount,size=\(size)k", directory.string])
            }
            #expect(failures >= 3)
            #expect(try program.layers().map(\.digest) == [reference])
        }
    }

    @Test("a disk that fails under the layer: an error, and no layer that isn't whole")
    func inputOutputError() throws {
        let program = try fixture.program("failing")
        let backing = fixture.factory.path.appending("backing")
        // A file system of 256 MiB on a device that has room for a few: what is written beyond is lost with an error.
        // The kernel says which: the device's own for data, an input/output error for the file system's structures.
        try CrashFixture.withMounted(["-t", "tmpfs", "-o", "size=6m", "tmpfs"], at: backing) {
            let image = backing.appending("image")
            try runChecked(["truncate", "-s", "256M", image.string])
            try runChecked(["mkfs.ext4", "-q", "-O", "^has_journal", "-E", "lazy_itable_init=1", image.string])
            try runChecked(["dd", "if=/dev/zero", "of=\(backing)/ballast", "bs=1k", "count=3000", "status=none"])
            try CrashFixture.withMounted(["-o", "loop", image.string], at: program.state) {
                let output = try runProgram(program.arguments(["--json"] + fixture.words))
                #expect(output.status == .exited(1), "\(output.text)")
                let said = output.text.lowercased()
                #expect(
                    said.contains("input/output error") || said.contains("no space left on device"), "\(output.text)")
                #expect(try program.stagings == [])
                #expect(try program.layers().isEmpty)
            }
        }
    }

    @Test(
        "power cut at random moments: after the journal's replay there is no layer or the whole one, and the next build makes it"
    )
    func powerCut() throws {
        let reference = try fixture.program("reference")
        let began = ContinuousClock.now
        let digest = try fixture.build(reference)
        let duration = Int((ContinuousClock.now - began) / .milliseconds(1))
        let program = try fixture.program("cut")
        let image = fixture.factory.path.appending("disk")
        let copy = fixture.factory.path.appending("disk-copy")
        var after = 0
        for round in 0..<8 {
            let moment = round == 7 ? duration * 3 : duration / 3 + fixture.next(below: duration)
            let where_: Comment = "PROVISION_TEST_SEED=\(fixture.seed), round \(round), after \(moment) of \(duration) ms"
            try runChecked(["truncate", "-s", "0", image.string])
            try runChecked(["truncate", "-s", "64M", image.string])
            try runChecked(["mkfs.ext4", "-q", image.string])
            // No commit by the clock: what is in the image is what somebody asked to be there.
            try CrashFixture.withMounted(["-o", "loop,commit=600", image.string], at: program.state) {
                var run = try program.start(fixture.words)
                usleep(UInt32(moment) * 1000)
                // All stand still while the image is copied, as it is without what the file system has in memory.
                let family = try ProcessFamily(of: run.pid)
                family.signal(SIGSTOP)
                try runChecked(["cp", "--sparse=always", image.string, copy.string])
                family.signal(SIGKILL)
                _ = try run.end()
                _ = family.survivors
            }
            try CrashFixture.withMounted(["-o", "loop", copy.string], at: program.state) {
                let layers = try program.layers()
                #expect(layers.isEmpty || layers.map(\.digest) == [digest], where_)
                if !layers.isEmpty {
                    after += 1
                    #expect(try runProgram(program.arguments(["verify", "shop"])).status == .exited(0), where_)
                }
                #expect(try fixture.build(program) == digest, where_)
                #expect(try program.stagings == [], where_)
            }
        }
        // The last moment is after the end: what was committed is on the disk.
        #expect(after >= 1)
    }
}
