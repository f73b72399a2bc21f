import Glibc
import System
import SystemPackage
import Testing

/// A root of a static busybox, a state directory, and the built `provision` to run on them. Needs root.
final class BusyboxRoot {
    private let temporary: TemporaryDirectory
    var root: FilePath { temporary.path.appending("box") }
    var state: FilePath { temporary.path.appending("state") }

    /// With `boots`, /sbin/init is busybox's, with a getty on the console and a shutdown that the console shows.
    init(boots: Bool = false) throws {
        try #require(geteuid() == 0, "containers need root")
        temporary = try TemporaryDirectory()
        let directory = try RootedDirectory(Self.prepared(root))
        let busybox =
            try ["/bin/busybox", "/usr/bin/busybox"].first { Files.exists(FilePath($0)) }
            ?? { throw Missing("a static busybox on the host (package busybox-static)") }()
        try directory.write("/bin/busybox", try Files.read(FilePath(busybox)), mode: 0o755)
        for applet in try runChecked([busybox, "--list-full"]).text.split(separator: "\n") where applet != "bin/busybox" {
            if applet == "sbin/init", !boots { continue }
            try directory.makeLink("/\(applet)", to: "/bin/busybox")
        }
        try directory.write("/etc/os-release", Array("ID=box\nNAME=Box\n".utf8))
        try directory.write("/etc/passwd", Array("root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/:/bin/sh\n".utf8))
        try directory.write("/etc/group", Array("root:x:0:\nguest:x:1000:\n".utf8))
        let getent = "#!/bin/sh\nif [ $1 = initgroups ]; then echo $2 1000; else grep \"^$2:\" /etc/$1; fi\n"
        try directory.write("/usr/bin/getent", Array(getent.utf8), mode: 0o755)
        for mountPoint in ["/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/var"] { try directory.makeDirectory(mountPoint) }
        if boots {
            let inittab =
                "::sysinit:/bin/hostname box\nconsole::respawn:/sbin/getty -L 0 console vt100\n::shutdown:/bin/echo goes down\n"
            try directory.write("/etc/inittab", Array(inittab.utf8))
        }
    }

    private static func prepared(_ path: FilePath) throws -> FilePath {
        try Files.makeDirectory(path)
        return path
    }

    /// `provision VERB --state … OPTIONS ROOT -- COMMAND`.
    func words(_ verb: String, _ options: [String] = [], _ command: [String] = []) throws -> [String] {
        [try Provision.path, verb, "--state", state.string] + options + [root.string]
            + (command.isEmpty ? [] : ["--"] + command)
    }

    func run(_ options: [String] = [], _ command: [String], input: String = "") throws -> ProgramOutput {
        try runProgram(words("run", options, command), input: Array(input.utf8))
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
        init(_ what: String) { description = "missing: \(what)" }
    }
}

/// The program under test: built beside the tests.
enum Provision {
    static var path: String {
        get throws {
            let tests = try Files.canonical("/proc/self/exe")
            let program = tests.removingLastComponent().appending("provision")
            guard Files.exists(program) else { throw BusyboxRoot.Missing("\(program): swift build --product provision") }
            return program.string
        }
    }
}

/// A `provision` that goes on while the test looks at it; killed at the latest when the value goes.
struct Background: ~Copyable {
    private var child: ChildProcess
    private let output: FilePath
    let pid: Int32

    init(_ words: [String], output: FilePath) throws {
        self.output = output
        let file = open(output.string, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer {
            close(file)
            close(null)
        }
        var options = ChildProcess.Options()
        options.descriptors = [
            0: FileDescriptor(rawValue: null), 1: FileDescriptor(rawValue: file), 2: FileDescriptor(rawValue: file),
        ]
        options.newGroup = true
        // The testing library moves between threads, and a child dies with the thread that started it.
        options.diesWithUs = false
        child = try ChildProcess(words, options: options)
        pid = child.pid
    }

    var text: String { (try? Files.readText(output)) ?? "" }

    /// Waits until its output holds `wanted`, at most twenty seconds.
    func expect(_ wanted: String) throws {
        for _ in 0..<1000 {
            if text.contains(wanted) { return }
            usleep(20_000)
        }
        throw BusyboxRoot.Missing("\"\(wanted)\" in the output: \(text)")
    }

    func signal(_ number: Int32) { child.signal(number) }

    /// Its end, waited for at most twenty seconds.
    mutating func end() throws -> ChildProcess.Status {
        guard let status = child.wait(milliseconds: 20_000) else { throw BusyboxRoot.Missing("an end of it: \(text)") }
        return status
    }
}

/// What a container could leave on the host.
struct HostTraces: Equatable, CustomStringConvertible {
    var interfaces: [String]
    var mounts: [String]
    var cgroups: [String]
    var processes: [String]
    var runtime: [String]
    var rules: String

    /// Only what bears our marks: other tests and the host's own work go on meanwhile.
    static func now(of root: BusyboxRoot) throws -> HostTraces {
        let state = root.state.string
        return HostTraces(
            interfaces: try runChecked(["ip", "-brief", "link"]).text.split(separator: "\n").map(String.init)
                .filter { $0.hasPrefix("vp-") },
            mounts: try Files.readText("/proc/self/mountinfo").split(separator: "\n").map(String.init)
                .filter { $0.contains(root.state.string) || $0.contains("/run/systemd/nspawn") },
            cgroups: try runChecked(["find", "/sys/fs/cgroup", "-type", "d", "-name", "provision-*"]).text
                .split(separator: "\n").map(String.init),
            processes: try runChecked(["ps", "-e", "-o", "args="]).text.split(separator: "\n").map(String.init)
                .filter { $0.contains(state) || $0.contains("marked-sleep") },
            runtime: try Files.names(in: "/run/systemd/nspawn/locks") + Files.names(in: "/run/systemd/nspawn/propagate"),
            rules: try runProgram(["nft", "list", "ruleset"]).text)
    }

    var description: String {
        "interfaces \(interfaces), mounts \(mounts), cgroups \(cgroups), processes \(processes), runtime \(runtime)"
    }

    /// The same, once what the kernel ends a moment later (a namespace, a zombie) has gone: at most five seconds.
    static func settled(like wanted: HostTraces, of root: BusyboxRoot) throws -> HostTraces {
        var traces = try now(of: root)
        for _ in 0..<100 where traces != wanted {
            usleep(50_000)
            traces = try now(of: root)
        }
        return traces
    }
}
