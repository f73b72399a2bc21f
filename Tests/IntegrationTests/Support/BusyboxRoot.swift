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
            ?? { throw TestFailure("missing: a static busybox on the host (package busybox-static)") }()
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
    func words(_ verb: String, _ options: [String] = [], _ command: [String] = []) -> [String] {
        [Program.path.string, verb, "--state", state.string] + options + [root.string]
            + (command.isEmpty ? [] : ["--"] + command)
    }

    func run(_ options: [String] = [], _ command: [String], input: String = "") throws -> ProgramOutput {
        try runProgram(words("run", options, command), input: Array(input.utf8))
    }
}

extension HostTraces {
    static func now(of box: BusyboxRoot) throws -> HostTraces { try now(of: box.state) }
    static func settled(like wanted: HostTraces, of box: BusyboxRoot) throws -> HostTraces {
        try settled(like: wanted, of: box.state)
    }
}
