import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    /// Programs that take all they can get, looked at from the host's cgroup files.
    @Suite struct LimitTests {
        /// A running machine's own cgroup directories, from its record.
        private struct Record: Decodable {
            struct Run: Decodable { var cgroups: [String] }
            var run: Run?
        }

        private func cgroups(_ box: BusyboxRoot, _ machine: String) throws -> [FilePath] {
            let bytes = try Files.read(box.state.appending("machines/\(machine)/machine.json"))
            return try #require(try JSONDecoder().decode(Record.self, from: Data(bytes)).run).cgroups.map { FilePath($0) }
        }

        /// The content of the first file that one of the cgroups has, of several names (v1's, v2's).
        private func read(_ names: String..., in cgroups: [FilePath]) throws -> String {
            let files = cgroups.flatMap { directory in names.map { directory.appending($0) } }
            let file = try #require(files.first(where: Files.exists), "none of \(names) in \(cgroups)")
            return try Files.readText(file).trimmed
        }

        private func start(_ box: BusyboxRoot, _ options: [String], _ script: String) throws -> Background {
            try Background(
                box.words("run", ["--ephemeral", "--machine", "hungry"] + options, ["/bin/sh", "-c", script]),
                output: box.state.removingLastComponent().appending("out"))
        }

        @Test("a memory hog is killed at its limit, swap included, and provision says why") func memoryHog() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            // tail keeps a line without an end in memory.
            var hog = try start(
                box, ["--memory", "64M"], "echo up; read go < /tmp/none || sleep 1; tail -n 1 /dev/zero; echo $?")
            try hog.expect("up")
            let cgroups = try cgroups(box, "hungry")
            #expect(try read("memory.limit_in_bytes", "memory.max", in: cgroups) == "67108864")
            #expect(["67108864", "0"].contains(try read("memory.memsw.limit_in_bytes", "memory.swap.max", in: cgroups)))
            let peak = cgroups.map { $0.appending("memory.max_usage_in_bytes") }.first(where: Files.exists)
            var highest = 0
            while kill(hog.pid, 0) == 0, !hog.text.contains("137") {
                if let peak, let text = try? Files.readText(peak).trimmed { highest = max(highest, Int(text) ?? 0) }
                usleep(10_000)
            }
            #expect(try hog.end() == .exited(0))
            #expect(hog.text.contains("137\n") && hog.text.contains("memory limit of \"hungry\" was reached"))
            if peak != nil { #expect(highest > 48 << 20 && highest <= 64 << 20) }
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("a fork bomb stops at the limit of processes and leaves the host alone") func forkBomb() throws {
            let box = try BusyboxRoot()
            let before = try HostTraces.now(of: box)
            // The shell that can't fork any more gives up; what it started stays.
            var bomb = try start(
                box, ["--pids", "40"], "echo up; (while :; do (sleep 600 & sleep 600) & done) 2>/dev/null & exec sleep 600")
            try bomb.expect("up")
            let cgroups = try cgroups(box, "hungry")
            // The kernel's own count of processes that it refused, however busy the host is; and never one more than allowed.
            let counters = (cgroups + cgroups.map { $0.appending("payload") }).map { $0.appending("pids.events") }
            var refused = false
            for _ in 0..<1500 where !refused {
                let text = try read("pids.current", in: cgroups)
                #expect(try #require(Int(text)) <= 40)
                refused = try counters.filter(Files.exists).contains { try Files.readText($0).contains(#/max [1-9]/#) }
                usleep(20_000)
            }
            #expect(refused)
            let listed = try runProgram([Program.path.string, "list", "--state", box.state.string]).text
            #expect(listed.contains("/ 40"))
            try runChecked([Program.path.string, "stop", "hungry", "--state", box.state.string])
            #expect(try bomb.end() == .exited(143))
            #expect(bomb.text.contains("limit of processes of \"hungry\" was reached"))
            #expect(try HostTraces.settled(like: before, of: box) == before)
        }

        @Test("a busy loop gets its share of a processor and no more") func busyLoop() throws {
            let box = try BusyboxRoot()
            var loop = try start(box, ["--cpus", "0.05"], "echo up; while :; do :; done")
            try loop.expect("up")
            let cgroups = try cgroups(box, "hungry")
            func throttled() throws -> Int {
                // In cgroup v1 cpuacct has a file of that name too.
                let own = cgroups.filter { directory in
                    ["cpu.cfs_quota_us", "cpu.max"].contains { Files.exists(directory.appending($0)) }
                }
                let lines = try read("cpu.stat", in: own).split(separator: "\n")
                let line = try #require(lines.first { $0.hasPrefix("nr_throttled ") })
                return try #require(Int(line.dropFirst(13)))
            }
            func used() throws -> Double {
                let text = try runChecked([Program.path.string, "show", "hungry", "--json", "--state", box.state.string])
                let usage = try JSONDecoder().decode(Shown.self, from: Data(text.standardOutput)).usage
                #expect(usage.cpus == 0.05)
                return usage.cpuSeconds
            }
            // The kernel's accounting: what it used of the time that went by, however busy the host is.
            for _ in 0..<1000 where try throttled() < 5 { usleep(50_000) }
            #expect(try throttled() >= 5)
            let (begun, first) = (now(), try used())
            sleep(2)
            let (ended, last) = (now(), try used())
            #expect((last - first) / (ended - begun) < 0.1 && last > first)
            loop.signal(SIGTERM)
            _ = try loop.end()
        }

        @Test("a limit that this host can't enforce is refused before anything starts") func refused() throws {
            let box = try BusyboxRoot()
            let usage = try box.run(["--memory", "much"], ["true"])
            #expect(usage.status == .exited(2) && usage.standardError.contains("512M"))
            #expect(try box.run(["--pids", "1"], ["true"]).status == .exited(2))
            let weights = try Files.names(in: "/sys/block").contains { disk in
                let scheduler = try Files.readIfPresent(FilePath("/sys/block/\(disk)/queue/scheduler")) ?? []
                return String(decoding: scheduler, as: UTF8.self).contains("[bfq]")
            }
            let output = try box.run(["--io-weight", "200"], ["echo", "started"])
            #expect(output.status == .exited(weights ? 0 : 125) && output.text == (weights ? "started\n" : ""))
            if !weights { #expect(output.standardError.contains("--io-weight cannot be enforced")) }
        }

        @Test("what is inside can't lift its limit: its cgroups begin one level below") func lifting() throws {
            let box = try BusyboxRoot()
            let script = """
                mkdir /tmp/c; for k in memory pids; do mount -t cgroup -o $k x /tmp/c 2>/dev/null || continue
                for f in /tmp/c/memory.limit_in_bytes /tmp/c/pids.max; do [ -e $f ] && echo 1073741824 > $f; done; umount /tmp/c; done
                tail -n 1 /dev/zero; echo $?
                """
            let output = try box.run(
                ["--memory", "32M", "--ephemeral", "--capability", "+SYS_ADMIN"], ["/bin/sh", "-c", script])
            #expect(output.text.hasSuffix("137\n"))
        }

        private struct Shown: Decodable {
            struct Usage: Decodable { var cpuSeconds: Double, cpus: Double }
            var usage: Usage
        }

        private func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()) }
}
