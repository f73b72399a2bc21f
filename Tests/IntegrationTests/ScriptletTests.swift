import Diagnostics
import Foundation
import Glibc
import Installing
import Model
import System
import SystemPackage
import Testing

// Serialized: exit tests find their job by way of the environment.
@Suite("Scriptlets", .serialized)
struct ScriptletTests {
    let fixture: InstallFixture
    var factory: PackageFactory { fixture.factory }

    init() throws { fixture = try InstallFixture() }

    /// Installs a shell and a package with these sections.
    @discardableResult
    private func install(_ sections: String) throws -> InstallOutcome {
        try fixture.install(try factory.shell(), try factory.package("probe", sections: sections, header: "Requires: /bin/sh"))
    }

    @Test("they see /proc, /sys and /dev, processes of their own only, and no network")
    func surroundings() throws {
        try install(
            """
            %post
            echo gone >/dev/null
            test -c /dev/null && test -c /dev/urandom && test -d /dev/shm && test -e /dev/ptmx && echo devices >>/seen
            test -d /sys/class && ! mkdir /sys/x 2>/dev/null && echo sysfs >>/seen
            hostname >>/seen
            ls /sys/class/net >>/seen
            ls /proc | grep -c '^[0-9]' >>/seen
            cat /proc/1/comm >>/seen
            """)
        let seen = try fixture.text("seen").split(separator: "\n")
        #expect(seen.prefix(4) == ["devices", "sysfs", "localhost", "lo"])
        // The reaper, rpm, the script and its ls and grep.
        #expect(Int(seen[4])! <= 5)
        #expect(seen[5] == "provision")
    }

    @Test("out of the chroot there is nothing of the host")
    func noHost() throws {
        try install("%post\nls /proc/1/cwd/ >/seen; cat /proc/self/mountinfo >/mounts\n")
        #expect(try !fixture.text("seen").contains("home"))
        let targets = try fixture.text("mounts").split(separator: "\n").map { $0.split(separator: " ")[4] }
        #expect(Set(targets).isSubset(of: ["/", "/dev", "/dev/pts", "/dev/shm", "/proc", "/run", "/sys", "/tmp"]))
    }

    @Test("a failing %pre stops it all, with the package, the scriptlet and its last words")
    func failingPre() throws {
        let shell = try factory.shell()
        let probe = try factory.package(
            "probe", install: "touch $RPM_BUILD_ROOT/laid", files: ["/laid"],
            sections: "%pre\necho this is why; echo and this >&2; exit 3\n", header: "Requires(pre): /bin/sh")
        let error = try fixture.refusal(of: fixture.job([try fixture.entry(shell), try fixture.entry(probe)]))
        #expect(error.code == .failed)
        #expect(error.message == "the %pre scriptlet of package \"probe-1-1.noarch\" failed")
        #expect(error.causes.suffix(2) == ["this is why", "and this"])
        #expect(error.causes.first?.contains("exit status 3") == true)
        #expect(!fixture.exists("laid"))
    }

    @Test("a failing %post is a warning with its output")
    func failingPost() throws {
        let outcome = try install("%post\necho this is why\nexit 1\n")
        #expect(outcome.installed.count == 2)
        #expect(outcome.warnings.count == 1)
        #expect(outcome.warnings[0].hasPrefix("the %post scriptlet of package \"probe-1-1.noarch\" failed: "))
        #expect(outcome.warnings[0].hasSuffix("; this is why"))
    }

    @Test("a scriptlet before its interpreter says so")
    func missingInterpreter() throws {
        let outcome = try fixture.install(
            try factory.package("probe", sections: "%post\necho hello\n", header: "Provides: /bin/sh"))
        #expect(outcome.warnings.count == 1)
        #expect(outcome.warnings[0].hasSuffix("; its interpreter /bin/sh is not there yet"))
    }

    @Test("a shell that needs what needs it is there before the first scriptlet, whatever the plan's order")
    func orderInALoop() throws {
        let shell = try factory.shell(header: "Requires: library")
        let library = try factory.package(
            "library", install: "touch $RPM_BUILD_ROOT/library", files: ["/library"], header: "Requires: /bin/sh")
        let first = try factory.package(
            "a-first", sections: "%pre\ntest -e /library && echo ok >/order\n", header: "Requires(pre): /bin/sh")
        try fixture.install(first, library, shell)
        #expect(try fixture.text("order") == "ok\n")
    }

    @Test("Lua's print ends up in the scriptlet's output too")
    func luaOutput() throws {
        let outcome = try fixture.install(
            try factory.package("probe", sections: "%post -p <lua>\nprint(\"from lua\")\nerror(\"stop\")\n"))
        #expect(outcome.warnings.count == 1)
        #expect(outcome.warnings[0].hasSuffix("; from lua"))
    }

    @Test("much output doesn't block a scriptlet, and its end is what is kept")
    func muchOutput() throws {
        let outcome = try install("%post\ni=0; while test $i -lt 20000; do echo line $i; i=$((i+1)); done; exit 1\n")
        #expect(outcome.warnings[0].hasSuffix("; line 19998; line 19999"))
    }

    @Test("a process that a scriptlet leaves behind ends with the installation")
    func leftProcess() throws {
        try install("%post\nsleep 7777001 &\necho $! >/left\n")
        #expect(fixture.exists("left"))
        #expect(try processes(named: "7777001") == [])
    }

    @Test("a daemon that a scriptlet stops is gone, not a zombie that it waits for")
    func orphansAreReaped() throws {
        try install(
            """
            %post
            (sleep 7777004 & echo $! >/daemon)
            pid=$(cat /daemon)
            kill $pid
            i=0
            while kill -0 $pid && test $i -lt 100; do sleep 0.05; i=$((i+1)); done
            kill -0 $pid 2>/dev/null || echo yes >/gone
            """)
        #expect(fixture.exists("gone"))
    }

    @Test("a package file is out of reach by way of the installer's descriptors")
    func packageFilesAreReadOnly() throws {
        let shell = try factory.shell()
        let before = try digest(ofFileAt: shell).digest
        let probe = try factory.package(
            "probe",
            sections:
                "%post\nfor f in /proc/[0-9]*/fd/*; do case $(readlink $f) in *.rpm) echo x >>$f && echo wrote >>/wrote; echo y >>/tried;; esac; done\n",
            header: "Requires: /bin/sh")
        try fixture.install(shell, probe)
        #expect(!fixture.exists("tried"))
        #expect(!fixture.exists("wrote"))
        #expect(try digest(ofFileAt: shell).digest == before)
    }

    @Test("nothing is left mounted")
    func noMounts() throws {
        try install("%post\necho >/dev/null\n")
        #expect(try !Files.readText("/proc/self/mounts").contains(factory.path.string))
    }

    @Test("SIGTERM ends the installation at once, scriptlets included")
    func interruption() async throws {
        try prepareEndlessJob(marker: "7777002")
        await #expect(processExitsWith: .exitCode(128 + SIGTERM)) { try EndlessJob.run(endingBy: SIGTERM) }
        #expect(try processes(named: "7777002") == [])
    }

    @Test("a killed provision takes the installation with it")
    func killedParent() async throws {
        try prepareEndlessJob(marker: "7777003")
        await #expect(processExitsWith: .signal(SIGKILL)) { try EndlessJob.run(endingBy: SIGKILL) }
        // The kernel sends the parent-death signal as it lets go of the parent: a moment later.
        for _ in 0..<200 where try !processes(named: "7777003").isEmpty { usleep(20_000) }
        #expect(try processes(named: "7777003") == [])
    }

    @Test("the host's rpm macros don't leak into the root")
    func macros() async throws {
        let probe = try factory.package("probe", sections: "%post\necho >/ran\n", header: "Requires: /bin/sh")
        try PreparedJob.leave(
            fixture.job([try fixture.entry(try factory.shell()), try fixture.entry(probe)]), in: factory.path)
        await #expect(processExitsWith: .success) {
            // A host whose macros send rpm's temporary files, scriptlets among them, to a directory of its own.
            try PrivateMounts.enter()
            let macros = FilePath("/usr/lib/rpm/macros.d")
            try mount("tmpfs", at: macros, type: "tmpfs")
            try Files.write("%_tmppath /leak\n", to: macros.appending("macros.leak"))
            _ = try InstallFixture.installer.run(try PreparedJob.take(), progress: SilentProgress())
        }
        #expect(fixture.exists("ran"))
        #expect(!fixture.exists("leak"))
    }

    /// Leaves a job whose %post sleeps for ever where the exit test's process finds it.
    private func prepareEndlessJob(marker: String) throws {
        let shell = try factory.shell()
        let probe = try factory.package(
            "probe", sections: "%post\necho >/started\nsleep \(marker)\n", header: "Requires: /bin/sh")
        try PreparedJob.leave(fixture.job([try fixture.entry(shell), try fixture.entry(probe)]), in: factory.path)
    }

    /// The ids of processes with this word among their arguments.
    private func processes(named word: String) throws -> [String] {
        try Files.names(in: "/proc").filter { Int($0) != nil }.filter {
            // A process may go while it is looked at.
            let arguments = (try? Files.read(FilePath("/proc/\($0)/cmdline"))) ?? []
            return arguments.split(separator: 0).contains { String(decoding: $0, as: UTF8.self) == word }
        }
    }
}

/// An installation that a signal ends from within, for a process of its own.
enum EndlessJob {
    /// Installs the prepared job, sends this process `signal` when the sleeping scriptlet runs, and exits as provision does.
    static func run(endingBy signal: Int32) throws {
        let job = try PreparedJob.take()
        Interruption.install()
        let started = FilePath(job.root).appending("started")
        Thread.detachNewThread {
            while !Files.exists(started) { usleep(5_000) }
            kill(getpid(), signal)
        }
        do {
            _ = try InstallFixture.installer.run(job, progress: SilentProgress())
        } catch let error as ProvisionError {
            exit(error.exitStatus)
        }
    }
}
