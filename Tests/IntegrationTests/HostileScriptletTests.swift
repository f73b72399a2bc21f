import Diagnostics
import Glibc
import Installing
import System
import SystemPackage
import Testing

/// Scriptlets that attack what is around them, on purpose or not. The host stays as it is, and the message says who it was.
@Suite("Hostile scriptlets", .serialized)
struct HostileScriptletTests {
    let fixture: InstallFixture
    var factory: PackageFactory { fixture.factory }
    private static let post = "the %post scriptlet of package \"probe-1-1.noarch\""

    init() throws { fixture = try InstallFixture() }

    private func job(_ sections: String, install: String = "", files: [String] = []) throws -> InstallJob {
        let probe = try factory.package(
            "probe", install: install, files: files, sections: sections, header: "Requires(pre): /bin/sh")
        return fixture.job([try fixture.entry(try factory.shell()), try fixture.entry(probe)])
    }

    @Test("loading a module, restarting, setting the clock, swapping: refused, and the package is named")
    func refusedCalls() throws {
        // A kernel without modules has no such file.
        let modules = try Files.readIfPresent("/proc/modules")
        let outcome = try fixture.install(
            job(
                """
                %post
                echo nothing >/m.ko
                busybox insmod /m.ko && echo inserted >>/done
                busybox reboot -f && echo restarted >>/done
                # It says that it can't, and ends with 0 all the same.
                busybox date -s @$(busybox date +%s)
                busybox swapon /m.ko && echo swaps >>/done
                exit 0
                """))
        #expect(
            Set(outcome.warnings) == [
                Self.post + " tried to load a kernel module: refused",
                Self.post + " tried to restart or halt the machine: refused",
                Self.post + " tried to set the clock: refused",
                Self.post + " tried to change what the machine swaps to: refused",
            ])
        let done = fixture.exists("done") ? try fixture.text("done") : ""
        #expect(done == "")
        #expect(try Files.readIfPresent("/proc/modules") == modules)
    }

    #if arch(x86_64)
        @Test("a call by its 32-bit number is refused as well")
        func compatibilityCalls() throws {
            let source = factory.path.appending("call.s")
            // init_module of i386, then exit with what it returned.
            try Files.write(
                """
                .globl _start
                _start: mov $128, %eax
                int $0x80
                neg %eax
                mov %eax, %ebx
                mov $1, %eax
                int $0x80

                """, to: source)
            let program = factory.path.appending("call")
            try runChecked(["cc", "-nostdlib", "-static", "-o", program.string, source.string])
            let outcome = try fixture.install(
                job(
                    "%post\n/call || echo refused >/said\n", install: "cp \(program) $RPM_BUILD_ROOT/call", files: ["/call"]))
            #expect(outcome.warnings == [Self.post + " tried to load a kernel module: refused"])
            #expect(try fixture.text("said") == "refused\n")
        }
    #endif

    @Test("mounts, user namespaces, raw disks, /proc/sys and traces of others are out of reach")
    func outOfReach() throws {
        try fixture.install(
            job(
                """
                %post
                busybox mount -t tmpfs none /mnt && echo mounted >>/done
                busybox unshare -U busybox true && echo namespace >>/done
                busybox mknod /disk b 7 0
                test -b /disk && busybox dd if=/disk of=/dev/null count=1 && echo disk >>/done
                busybox mknod /memory c 1 1
                test -c /memory && busybox dd if=/memory of=/dev/null count=1 && echo memory >>/done
                busybox mknod /dev/disk b 7 0 && echo device >>/done
                (echo probe >/proc/sys/kernel/hostname) && echo sysctl >>/done
                (echo h >/proc/sysrq-trigger) && echo sysrq >>/done
                busybox dd if=/proc/kcore of=/dev/null count=1 && echo kcore >>/done
                cat /proc/1/maps && echo others >>/done
                grep -E 'Seccomp:|NoNewPrivs:|CapBnd:' /proc/self/status >/status
                exit 0
                """, install: "mkdir $RPM_BUILD_ROOT/mnt", files: ["/mnt"]))
        #expect(!fixture.exists("done"), "\((try? fixture.text("done")) ?? "")")
        let status = try fixture.text("status").split(separator: "\n").map { $0.split(separator: "\t").last ?? "" }
        // Neither SYS_ADMIN nor SYS_MODULE nor anything of the network's or the hardware's; /proc/self/status has it in hexadecimal.
        #expect(status == ["00000000880405ff", "1", "2"])
    }

    @Test("the network is not there, not even the host's loopback")
    func network() throws {
        let site = try factory.makeDirectory("site")
        try Files.write("hello\n", to: site.appending("hello"))
        let server = try HTTPServer(serving: site)
        let outcome = try fixture.install(
            job(
                """
                %post
                busybox nc -w 5 127.0.0.1 \(server.url.split(separator: ":").last!) </dev/null
                """))
        #expect(outcome.warnings.count == 1)
        #expect(outcome.warnings[0].hasPrefix(Self.post + " failed: "))
        #expect(outcome.warnings[0].contains("Network is unreachable"))
        #expect(server.requests.isEmpty)
    }

    @Test("SIGKILL to pid 1 does nothing; to all processes it ends the installation, which names the package")
    func signals() throws {
        try fixture.install(job("%post\nbusybox kill -9 1; echo yes >/still\n"))
        #expect(try fixture.text("still") == "yes\n")
        let other = try InstallFixture()
        let error = try other.refusal(
            of: other.job([
                try other.entry(try factory.shell()),
                try other.entry(
                    try factory.package("probe", sections: "%post\nbusybox kill -9 -1\n", header: "Requires: /bin/sh")),
            ]))
        #expect(error.message.hasSuffix("at %post of probe-1-1.noarch"))
        #expect(error.hint == "a scriptlet that sends a signal to all processes ends its own installation by it")
    }

    @Test("rm -rf / leaves the host alone and makes no root")
    func removeEverything() throws {
        let witness = factory.path.appending("witness")
        try Files.write("here\n", to: witness)
        let error = try fixture.refusal(of: job("%post\nbusybox rm -rf / 2>/dev/null\nexit 0\n"))
        #expect(error.message == Self.post + " removed the root's rpm database, if no more")
        #expect(try Files.readText(witness) == "here\n")
        #expect(Files.exists("/etc/passwd"))
        #expect(Files.exists("/dev/null"))
    }

    @Test("one that never ends is ended, shell or Lua, with its last words", arguments: ["sh", "lua"])
    func endless(kind: String) throws {
        var job = try job(
            kind == "sh"
                ? "%post\necho waiting for nothing\nsleep 7777011\n"
                : "%post -p <lua>\nprint(\"waiting for nothing\")\nio.flush()\nwhile true do end\n")
        job.scriptletSeconds = 1
        let error = try fixture.refusal(of: job)
        #expect(error.message == Self.post + " did not end within 1 seconds")
        #expect(error.causes.contains("waiting for nothing"))
        #expect(error.hint?.contains("time-limit") == true)
        #expect(try !runChecked(["ps", "-e", "-o", "args="]).text.contains("7777011"))
    }

    @Test("a daemon with a session of its own ends with the installation, before the root is used")
    func daemon() throws {
        try fixture.install(
            job(
                """
                %post
                busybox setsid sh -c 'echo $$ >/daemon; while :; do echo beat >>/beats; sleep 0.02; done' </dev/null >/dev/null 2>&1 &
                while ! test -s /beats; do sleep 0.02; done
                """))
        let before = try fixture.text("beats")
        usleep(200_000)
        #expect(try fixture.text("beats") == before)
    }

    @Test("/tmp and /run are one for all scriptlets, with packages' own directories, and leave nothing")
    func scratch() throws {
        try fixture.install(
            job(
                """
                %pre
                echo from pre >/tmp/note; echo pid >/run/probe.pid
                %post
                cat /tmp/note /run/probe.pid >/seen
                stat -c '%%a %%u %%F' /run/own >>/seen
                echo x >/run/own/socket
                """, install: "mkdir -p $RPM_BUILD_ROOT/run/own", files: ["%attr(750,root,root) /run/own"]))
        let seen = try fixture.text("seen")
        #expect(seen == "from pre\npid\n750 0 directory\n")
        #expect(!fixture.exists("tmp/note"))
        #expect(!fixture.exists("run/probe.pid"))
        #expect(!fixture.exists("run/own/socket"))
    }

    @Test("with strict scriptlets a failing %post ends it all")
    func strict() throws {
        var job = try job("%post\necho this is why\nexit 3\n")
        job.strictScriptlets = true
        let error = try fixture.refusal(of: job)
        #expect(error.message == Self.post + " failed")
        #expect(error.causes.last == "this is why")
    }
}

/// The same through the whole program.
@Suite("Hostile scriptlets of a build", .serialized)
struct HostileBuildTests {
    let market: FixtureMarket

    init() throws { market = try FixtureMarket() }

    private func publish(_ sections: String) throws {
        let shell = try market.factory.shell()
        let probe = try market.factory.package("probe", sections: sections, header: "Requires(pre): /bin/sh")
        for package in [shell, probe] {
            try market.factory.sign(package, by: market.trusted)
            try market.add(package)
        }
        try market.publish()
    }

    @Test("one that fills the disk ends the build; the host has its room back")
    func fillsDisk() throws {
        try publish("%post\nbusybox dd if=/dev/zero of=/big bs=1M\nexit 0\n")
        let state = market.program.state
        try Files.makeDirectory(state)
        try runChecked(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", state.string])
        defer { _ = try? runProgram(["umount", "-l", state.string]) }
        let failure = try market.program.failure(["base", "shop", "probe", "-c", market.configuration.string])
        #expect(failure.status == 1)
        #expect(failure.error.message.hasPrefix("the %post scriptlet of package \"probe-1-1.noarch\" fills the disk: "))
        var status = statvfs()
        #expect(statvfs(state.string, &status) == 0)
        #expect(status.f_bfree > status.f_blocks * 9 / 10)
        #expect(try market.program.layers().isEmpty)
        #expect(try market.program.stagings.isEmpty)
    }

    @Test("one that prints a gigabyte fills neither memory nor disk; its last lines are told")
    func printsGigabyte() throws {
        try publish("%post\nbusybox yes | busybox head -c 1000000000\necho the end\nexit 1\n")
        let run = try MeasuredRun(
            market.program.arguments(["--json", "base", "shop", "probe", "-c", market.configuration.string]), limit: 300)
        #expect(run.status == 0, "\(run.output) \(run.errors)")
        #expect(run.output.contains("the end"))
        #expect(run.output.utf8.count < 1 << 20)
        #expect(run.peakMemory < 256 << 20)
    }

    @Test("--strict-scriptlets makes a failing %post an error of the build, and without it the layer comes with a warning")
    func strict() throws {
        try publish("%post\necho this is why\nexit 3\n")
        let words = ["base", "shop", "probe", "-c", market.configuration.string]
        let failure = try market.program.failure(words + ["--strict-scriptlets"])
        #expect(failure.status == 1)
        #expect(failure.error.message == "the %post scriptlet of package \"probe-1-1.noarch\" failed")
        #expect(failure.error.causes.last == "this is why")
        #expect(try market.program.layers().isEmpty)
        let answer = try market.program.json(BuildDocument.self, words)
        #expect(answer.warnings.contains { $0.contains("probe-1-1.noarch") && $0.hasSuffix("this is why") })
    }
}
