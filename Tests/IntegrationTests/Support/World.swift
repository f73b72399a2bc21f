import Foundation
import Glibc
import System
import SystemPackage
import Testing

/// The end-to-end tests, one after another: they share a server whose bytes some of them count.
@Suite(.serialized) enum EndToEnd {}

/// What the end-to-end tests share, made once by the first that asks: the demo distribution served over HTTP, a core base with an
/// application on it, and dnf's root beside them.
///
/// Tests that change a state use one of their own with the shared cache.
enum World {
    /// Removed when the test process ends.
    static let directory: FilePath = {
        guard geteuid() == 0 else { fatalError("the integration tests install, mount and boot, which needs root") }
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        // In a pid namespace of its own each run has the same number, and one that was killed leaves its directory.
        let path = FilePath(parent).appending("provision-integration-\(UInt32.random(in: 0 ... .max))")
        do {
            try Files.makeDirectory(path, mode: 0o755)
        } catch {
            fatalError("\(error)")
        }
        atexit { removeWorld() }
        return path
    }()

    static let demo = Program.checkout.appending("repos/demo/build")
    static let rootPassword = "correct horse"

    /// `demo/` is the demo distribution, `7/os/x86_64/` its os repository where a handwritten yum.conf looks for it.
    static let server: HTTPServer = attempt {
        guard Files.exists(demo.appending("complete.json")) else {
            throw TestFailure("there is no demo distribution at \"\(demo)\": repos/demo/make-demo makes it")
        }
        let site = directory.appending("site")
        try Files.makeDirectory(site.appending("7/os"))
        try makeLink(site.appending("demo"), to: demo)
        try makeLink(site.appending("7/os/x86_64"), to: demo.appending("os/x86_64"))
        return try HTTPServer(serving: site)
    }

    /// The checkout's releases with demo served by `server` instead of read from files.
    static let configuration: FilePath = attempt {
        let result = directory.appending("configuration")
        try Files.makeDirectory(result.appending("repos"))
        try makeLink(result.appending("config"), to: Program.checkout.appending("config"))
        let releases = Program.checkout.appending("repos")
        for name in try Files.names(in: releases) where name.hasSuffix(".toml") && name != "demo.toml" {
            try makeLink(result.appending("repos").appending(name), to: releases.appending(name))
        }
        let definition = try Files.readText(releases.appending("demo.toml"))
        let served = definition.replacing("file://$demo/", with: "\(server.url)/demo/")
        guard served != definition else { throw TestFailure("repos/demo.toml names no repository below file://$demo/") }
        try Files.write(served, to: result.appending("repos/demo.toml"))
        return result
    }

    /// A program with a state of its own, with the demo release as its default and the shared cache.
    static func program(_ name: String, cache: FilePath? = nil) throws -> Program {
        let program = Program(
            in: directory.appending(name), cache: cache ?? directory.appending("cache"), configuration: configuration)
        try Files.makeDirectory(program.state)
        try program.succeed(["release", "demo"])
        return program
    }

    /// The words that make `core`.
    static let coreRequest = ["--group", "core", "--root-password", rootPassword]

    /// `base --group core` of the demo release.
    static let core: Result<(program: Program, answer: BuildDocument), any Error> = Result {
        let program = try World.program("core")
        return (program, try program.json(BuildDocument.self, ["base"] + coreRequest))
    }

    /// `app vsftpd --on base` in the same state; the output for people is kept, and the document is that of the manifest.
    static let vsftpd: Result<(program: Program, answer: BuildDocument), any Error> = Result {
        let program = try core.get().program
        return (program, try program.json(BuildDocument.self, ["app", "vsftpd", "--on", "base"]))
    }

    /// The same group installed by dnf from the same repository.
    static let dnfRoot: Result<FilePath, any Error> = Result {
        let root = directory.appending("dnf-root")
        let configuration = directory.appending("dnf.conf")
        try Files.write(
            """
            [main]
            gpgcheck=1
            install_weak_deps=0
            plugins=0
            cachedir=/var/cache/dnf
            persistdir=/var/lib/dnf
            reposdir=/nonexistent
            [demo-os]
            name=demo
            baseurl=\(server.url)/demo/os/x86_64/
            gpgkey=file://\(demo)/RPM-GPG-KEY-demo
            """, to: configuration)
        try dnf(["--releasever", "12", "group", "install", "core"], configuration: configuration, root: root)
        return root
    }

    /// Runs dnf on a root of its own, whose database lies where rpm's tools of the tests look for it, and expects it to succeed.
    static func dnf(_ words: [String], configuration: FilePath, root: FilePath) throws {
        let output = try runDnf(words, configuration: configuration, root: root)
        guard output.status.succeeded else { throw TestFailure("dnf: \(output.text)\n\(output.standardError)") }
    }

    /// As above, whatever its status.
    static func runDnf(_ words: [String], configuration: FilePath, root: FilePath) throws -> ProgramOutput {
        // The host's rpm may keep its database elsewhere (Debian's: in the home directory).
        let home = directory.appending("dnf-home")
        try Files.makeDirectory(home)
        try Files.write("%_dbpath /var/lib/rpm\n", to: home.appending(".rpmmacros"))
        let environment = ["HOME": home.string, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]
        return try runProgram(
            ["dnf", "-y", "-c", configuration.string, "--installroot", root.string] + words, environment: environment)
    }

    /// A yum.conf as it was written from memory around 2014, with the demo distribution where it looks.
    static let handwrittenConfiguration: Result<FilePath, any Error> = Result {
        let file = directory.appending("yum.conf")
        try Files.write(
            """
            [main]
            cachedir=/var/cache/yum
            keepcache=1
            debuglevel=2
            logfile=/var/log/yum.log
            exactarch=1
            obsoletes=1

            [base]
            name=CentOS-7 - Base
            baseurl=\(server.url)/7/os/x86_64/
            #mirrorlist=http://127.0.0.1:8080/?release=7&arch=x86_64&repo=os
            gpgcheck=0
            enabled=1

            """, to: file)
        return file
    }

    static func makeLink(_ path: FilePath, to target: FilePath) throws {
        guard symlink(target.string, path.string) == 0 else { throw TestFailure("cannot make the link \"\(path)\"") }
    }

    /// What every test needs: without it there is nothing to test.
    private static func attempt<Value>(_ body: () throws -> Value) -> Value {
        do {
            return try body()
        } catch {
            fatalError("\(error)")
        }
    }
}

private func removeWorld() {
    do {
        try Files.remove(World.directory)
    } catch {
        print("cannot clean up: \(error)")
    }
}

/// What rpm says is installed: the host's librpm over a root, with epoch, sorted, without the imported keys.
func installedPackages(in root: FilePath) throws -> [String] {
    let format = "%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\\n"
    return packageLines(
        try runChecked(["rpm", "--root", root.string, "--dbpath", "/var/lib/rpm", "-qa", "--qf", format]).text)
}

func packageLines(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("gpg-pubkey-") }.sorted()
}
