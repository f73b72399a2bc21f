import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    /// Each test is a claim of docs/isolation.md.
    @Suite struct IsolationTests {
        private func field(_ name: String, _ status: String) -> String? {
            status.split(separator: "\n").first { $0.hasPrefix(name + ":") }.map { $0.dropFirst(name.count + 1).trimmed }
        }

        @Test("a command can gain no privilege: no_new_privs is set, and a setuid program runs as who starts it") func setuid()
            throws
        {
            let box = try BusyboxRoot()
            let program = box.root.appending("usr/bin/rootly")
            try Files.write(try Files.read(box.root.appending("bin/busybox")), to: program, mode: 0o755)
            #expect(chmod(program.string, 0o4755) == 0)
            let status = try box.run(["--user", "guest"], ["grep", "NoNewPrivs", "/proc/self/status"]).text
            #expect(field("NoNewPrivs", status) == "1")
            let effective = try box.run(["--user", "guest"], ["/usr/bin/rootly", "grep", "Uid", "/proc/self/status"])
            #expect(!effective.text.contains("\t0"), "\(effective.text)")
        }

        @Test("no device can be made, and one that lies in the root leads nowhere") func devices() throws {
            let box = try BusyboxRoot()
            #expect(mknod(box.root.appending("null").string, S_IFCHR | 0o666, makedev(1, 3)) == 0)
            #expect(chmod(box.root.appending("null").string, 0o666) == 0)
            let output = try box.run([], ["sh", "-c", "mknod /made b 7 0 || echo refused; cat /null; echo $?"])
            #expect(output.text == "refused\n1\n", "\(output.text)\(output.standardError)")
            #expect(try box.run(["--capability", "+MKNOD"], ["mknod", "/made", "b", "7", "0"]).status.succeeded)
        }

        @Test("system calls that reach the whole kernel are refused by a filter, whatever the capabilities") func filter()
            throws
        {
            for engine in ["nspawn", "crun"] {
                let box = try BusyboxRoot()
                let status = try box.run(["--engine", engine], ["cat", "/proc/self/status"]).text
                #expect(field("Seccomp", status) == "2")
                let changed = try box.run(["--engine", engine], ["date", "-s", "2001-01-01"])
                #expect(changed.standardError.contains("Operation not permitted"), "\(changed.text)")
            }
        }

        @Test("the kernel's settings can't be written") func settings() throws {
            for engine in ["nspawn", "crun"] {
                let box = try BusyboxRoot()
                let script =
                    "for f in /proc/sys/kernel/panic /proc/sysrq-trigger /sys/kernel/uevent_helper; do echo 0 > $f && echo $f; done; echo end"
                #expect(try box.run(["--engine", engine], ["sh", "-c", script]).text == "end\n")
            }
        }

        @Test("with --private-users servers can listen where servers do, as without") func lowPorts() throws {
            let directory = try TemporaryDirectory()
            let program = Program(in: directory.path)
            try program.succeed(["minimal"])
            for users in [["--private-users"], []] {
                let listening = try program.succeed(
                    ["run", "minimal"] + users + ["--", "sh", "-c", "httpd -p 80 -h /etc && netstat -lnt"])
                #expect(listening.contains(":80 "), "\(listening)")
            }
        }

        @Test("with --private-users root in the machine is nobody on the host, and the machine's files keep their own numbers")
        func privateUsers() throws {
            let directory = try TemporaryDirectory()
            let program = Program(in: directory.path)
            try program.succeed(["minimal"])
            let script =
                "id -u; stat -c %u /bin/busybox; echo x > /file; chown 5:6 /file; stat -c '%u %g' /file; cat /proc/self/uid_map"
            let text = try program.succeed(["run", "minimal", "--private-users", "--machine", "m", "--", "sh", "-c", script])
            let lines = text.split(separator: "\n")
            #expect(lines.prefix(3) == ["0", "0", "5 6"])
            let map = try #require(lines.last).split(separator: " ").compactMap { UInt32($0) }
            #expect(map.count == 3 && map[0] == 0 && map[1] >= 524_288 && map[1] % 65536 == 0 && map[2] == 65536)
            let kept = try runChecked(["stat", "-c", "%u %g", program.state.appending("machines/m/upper/file").string]).text
            #expect(kept == "5 6\n")
            #expect(try program.succeed(["run", "m", "--", "stat", "-c", "%u %g", "/file"]) == "5 6\n")
            // A file of the host's root is not its to write.
            let secret = directory.path.appending("secret")
            try Files.write("host", to: secret, mode: 0o600)
            let stolen = try program.run(
                "run", "minimal", "--private-users", "--bind", "\(secret):/secret", "--", "cat", "/secret")
            #expect(!stolen.status.succeeded && stolen.text == "")
        }

        @Test("what is not kept apart is as the page says: the kernel's release and its build are the host's") func shared()
            throws
        {
            let box = try BusyboxRoot()
            #expect(try box.run([], ["uname", "-r"]).text == runChecked(["uname", "-r"]).text)
            #expect(try box.run([], ["cat", "/proc/version"]).text == Files.readText("/proc/version"))
        }
    }
}

private func makedev(_ major: UInt32, _ minor: UInt32) -> UInt { deviceNumber(major: major, minor: minor) }

extension Substring {
    fileprivate var trimmed: String { String(drop(while: \.isWhitespace)) }
}
