import Glibc
import Synchronization
import System
import SystemPackage

/// What the end-to-end tests share, made once: the demo distribution served over HTTP, a core base, and dnf's root beside it.
///
/// Tests that change a state use a state of their own with the shared cache.
enum World {
    /// Removed when the test process ends.
    static let directory: FilePath = {
        let path = FilePath("/tmp/provision-integration-\(getpid())")
        do {
            try Files.makeDirectory(path, mode: 0o755)
        } catch {
            fatalError("\(error)")
        }
        atexit {
            try? Files.remove(FilePath("/tmp/provision-integration-\(getpid())"))
        }
        return path
    }()

    static let demo = Program.checkout.appending("repos/demo/build")

    /// A program with a state of its own, with the demo release as its default and the shared cache.
    static func program(_ name: String) throws -> Program {
        let program = Program(in: directory.appending(name), cache: directory.appending("cache"))
        try Files.makeDirectory(program.state)
        let output = try program.run("release", "demo")
        guard output.status.succeeded else { throw TestFailure(output.standardError) }
        return program
    }

    /// `base --group core` of the demo release, built by the first test that asks.
    static let core: Result<(program: Program, answer: BuildDocument), any Error> = Result {
        let program = try program("core")
        let answer = try program.json(BuildDocument.self, ["base", "--group", "core"])
        return (program, answer)
    }

    /// The same group installed by dnf from the same repository.
    static let dnfRoot: Result<FilePath, any Error> = Result {
        let root = directory.appending("dnf-root")
        try dnf(["group", "install", "core"], into: root)
        return root
    }

    /// Runs dnf against the demo repository with provision's settings.
    static func dnf(_ words: [String], into root: FilePath) throws {
        let configuration = directory.appending("dnf.conf")
        let cache = directory.appending("dnf-cache")
        try Files.write(
            """
            [main]
            gpgcheck=1
            install_weak_deps=0
            keepcache=1
            plugins=0
            cachedir=\(cache)
            persistdir=/var/lib/dnf
            reposdir=/nonexistent
            [demo-os]
            name=demo
            baseurl=file://\(demo)/os/x86_64/
            gpgkey=file://\(demo)/RPM-GPG-KEY-demo
            """, to: configuration)
        let output = try runProgram(
            ["dnf", "-y", "-c", configuration.string, "--installroot", root.string, "--releasever", "12"] + words)
        guard output.status.succeeded else { throw TestFailure("dnf: \(output.text)\n\(output.standardError)") }
    }
}

/// What must be the same before and after: mounts, interfaces, and processes whose command line names `path`.
struct HostState: Equatable {
    var mounts: String
    var interfaces: String
    var processes: String

    static func now(about path: FilePath) throws -> HostState {
        let mounts = try Files.readText("/proc/self/mountinfo").split(separator: "\n").map { line in
            // Without the mount and parent ids, which the kernel gives out anew.
            line.split(separator: " ").dropFirst(2).joined(separator: " ")
        }
        let interfaces = try runChecked(["ip", "-o", "link"]).text.split(separator: "\n").map { line in
            String(line.split(separator: " ")[1])
        }
        let processes = try Files.names(in: "/proc").compactMap { name -> String? in
            guard let pid = Int32(name), pid != getpid() else { return nil }
            // A process that ended between the listing and the look isn't there any more.
            guard let bytes = try? Files.readIfPresent("/proc/\(pid)/cmdline") else { return nil }
            let command = String(decoding: bytes.map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
            return command.contains(path.string) ? command : nil
        }
        return HostState(
            mounts: mounts.sorted().joined(separator: "\n"), interfaces: interfaces.sorted().joined(separator: "\n"),
            processes: processes.sorted().joined(separator: "\n"))
    }
}
