import Foundation
import System
import SystemPackage
import Testing

/// Locks of the demo distribution, made and built from by the program.
@Suite("Builds from locks", .serialized)
struct LockTests {
    private let directory: FilePath
    private let program: Program
    private let lock: FilePath

    init() throws {
        directory = World.directory.appending("locks-\(UUID().uuidString)")
        program = try World.program(directory.lastComponent!.string)
        lock = directory.appending("provision.lock")
    }

    private func other(_ name: String, cache: FilePath? = nil) throws -> Program {
        let other = Program(in: directory.appending(name), cache: cache ?? program.cache, configuration: program.configuration)
        try Files.makeDirectory(other.state)
        return other
    }

    private func lockBase(_ words: String...) throws {
        let output = try runProgram(program.arguments(["lock", "base", "-o", lock.string] + words))
        #expect(output.status.succeeded, "\(output.standardError)")
    }

    @Test("a build from a lock is the build from the plan, bit for bit, and says which lock it came from")
    func equal() throws {
        try lockBase()
        let planned = try program.json(BuildDocument.self, ["base", "planned"])
        let locked = try other("other").json(BuildDocument.self, ["base", "locked", "--locked", lock.string])
        #expect(locked.digest == planned.digest)
        #expect(!locked.reused)
        #expect(locked.packages.map(\.label).sorted() == planned.packages.map(\.label).sorted())
        let again = try other("other").json(BuildDocument.self, ["base", "locked", "--locked", lock.string])
        #expect(again.reused)
        let manifest = try Files.readText(directory.appending("other/state/layers/locked/layer.json"))
        #expect(manifest.contains("\"lock\" : \"sha256:"))
    }

    @Test("without a network a lock is built from the cache, and asks nobody for metadata")
    func offline() throws {
        let server = try HTTPServer(serving: World.demo)
        let program = try other("fresh", cache: directory.appending("cache"))
        let url = "demo-os.baseurl=\(server.url)/os/x86_64/"
        let words = ["lock", "base", "-o", lock.string, "--release", "demo", "--setopt", url]
        #expect(try runProgram(program.arguments(words)).status.succeeded)
        server.forgetRequests()
        let first = try program.json(BuildDocument.self, ["base", "one", "--locked", lock.string, "--setopt", url])
        #expect(!server.requests.contains { $0.path.contains("repodata") })
        #expect(server.requests.count { $0.path.contains("/Packages/") } == first.packages.count)
        server.stop()
        let second = try program.json(BuildDocument.self, ["base", "two", "--locked", lock.string, "--setopt", url, "--fresh"])
        #expect(second.digest == first.digest)
        #expect(second.downloadedBytes == 0)
    }

    @Test("any mirror with the packages will do, though it was not there when the lock was made")
    func mirror() throws {
        try lockBase()
        let server = try HTTPServer(serving: World.demo)
        let program = try other("elsewhere", cache: directory.appending("empty"))
        let url = "demo-os.baseurl=\(server.url)/os/x86_64/"
        let answer = try program.json(BuildDocument.self, ["base", "--locked", lock.string, "--setopt", url])
        #expect(answer.downloadedBytes == answer.downloadBytes)
        #expect(server.requests.allSatisfy { $0.path.contains("/Packages/") })
    }

    @Test("what no mirror has is named, and nothing is left behind")
    func missing() throws {
        try lockBase()
        let text = try Files.readText(lock).replacing("location = \"Packages/setup", with: "location = \"Packages/gone")
        try Files.write(text, to: lock)
        let program = try other("elsewhere", cache: directory.appending("empty"))
        let output = try program.run("base", "--locked", lock.string)
        #expect(output.status == .exited(5), "\(output.standardError)")
        #expect(output.standardError.contains("1 package of the lock can't be had"))
        #expect(output.standardError.contains("setup-"))
        #expect(try Files.names(in: program.state.appending("layers")).isEmpty)
    }

    @Test("other bytes under the name of a locked package are refused")
    func tampered() throws {
        let server = try HTTPServer(serving: World.demo)
        let url = "demo-os.baseurl=\(server.url)/os/x86_64/"
        try lockBase("--setopt", url)
        let location = try #require(try Files.readText(lock).firstMatch(of: /location = "(Packages\/setup[^"]*)"/)).1
        server.misbehave("/os/x86_64/\(location)", .corrupted)
        let program = try other("elsewhere", cache: directory.appending("empty"))
        let output = try program.run("base", "--locked", lock.string, "--setopt", url, "--setopt", "demo-os.retries=1")
        #expect(output.status == .exited(4), "\(output.standardError)")
    }

    @Test("a lock of another request is stale, and what differs is said")
    func stale() throws {
        try lockBase()
        let packages = try program.run("base", "x", "bash", "--locked", lock.string)
        #expect(packages.status == .exited(2))
        #expect(packages.standardError.contains("the lock is stale"))
        #expect(packages.standardError.contains("packages: the lock has basesystem demo-release, this request bash"))
        let repositories = try program.run("base", "x", "--enable-repo", "demo-updates", "--locked", lock.string)
        #expect(repositories.status == .exited(2))
        #expect(repositories.standardError.contains("enabled repositories: the lock has none, this request demo-updates"))
        let unsigned = try program.run("base", "x", "--no-gpgcheck", "--locked", lock.string)
        #expect(unsigned.status == .exited(2))
    }

    @Test("an update lets the named package change and no other, and reads like release notes")
    func update() throws {
        let old = "demo-updates.baseurl=file://\(World.demo)/os/x86_64/"
        try lockBase("--name", "x", "bash", "vsftpd", "--enable-repo", "demo-updates", "--setopt", old)
        let before = directory.appending("before.lock")
        try Files.copyContents(lock, to: before)
        let one = try program.run("lock", "--update", "bash", "-o", lock.string)
        #expect(one.status.succeeded, "\(one.standardError)")
        #expect(one.text.contains("Upgraded\n  bash  "))
        #expect(one.text.contains("1 upgraded; "))
        #expect(try Files.readText(lock).contains(/nevra = "vsftpd-[^"]*demo12\.x86_64"/))
        let all = try program.run("lock", "--update", "-o", lock.string)
        #expect(all.text.contains("Upgraded\n  vsftpd  "))
        let diff = try program.run("lock", "--diff", before.string, lock.string)
        #expect(diff.text.contains("2 upgraded; "))
        #expect(try program.run("lock", "--diff", lock.string, lock.string).text == "the locks say the same\n")
        let unknown = try program.run("lock", "--update", "bsh", "-o", lock.string)
        #expect(unknown.status == .exited(2))
        #expect(unknown.standardError.contains("did you mean \"bash\"?"))
    }

    @Test("the same request makes the same lock")
    func deterministic() throws {
        try lockBase()
        let first = try Files.read(lock)
        try Files.remove(lock)
        try lockBase()
        #expect(try Files.read(lock) == first)
    }
}
