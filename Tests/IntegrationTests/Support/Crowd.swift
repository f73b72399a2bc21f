import Glibc
import System
import SystemPackage
import Testing

/// Twenty machines of one root on one network, booted at once and ended at once.
struct Crowd {
    let program: Program
    /// What `boot` takes: a layer or a directory.
    let target: String
    let memory: String
    let pids: Int
    let names = (1...20).map { "many-\($0)" }

    /// Waits for each to be ready; every second one has a published port and NAT.
    func boot() throws {
        var starters: [Starter] = []
        for (number, name) in names.enumerated() {
            let port = number.isMultiple(of: 2) ? ["--publish", "\(8100 + number):80", "--nat"] : []
            let words = [
                "boot", target, "--detach", "--ephemeral", "--machine", name, "--network", "crowd", "--memory", memory,
            ]
            starters.append(Starter(try program.start(words + ["--pids", String(pids)] + port)))
        }
        for starter in starters {
            #expect(try starter.background.end(seconds: 300) == .exited(0), "\(starter.background.text)")
        }
        let listed = try program.succeed(["list"])
        #expect(listed.matches(of: #/many-\d+ +running/#).count == names.count, "\(listed)")
        let members = try Files.readText(program.state.appending("machines/many-1/hosts"))
        for name in names { #expect(members.contains(" \(name)\n")) }
    }

    func stop() throws { try program.succeed(["stop"] + names) }

    /// SIGKILL for every process of provision: supervisors, known by the state in their words, and keepers by their own.
    func killSupervisors() throws {
        let own = try identity(of: Program.path)
        let ours = try Files.names(in: "/proc").compactMap { Int32($0) }.filter { process in
            guard let other = try? identity(of: FilePath("/proc/\(process)/exe")), other == own else { return false }
            let words = try Files.readIfPresent(FilePath("/proc/\(process)/cmdline")) ?? []
            let text = String(decoding: words, as: UTF8.self)
            return text.contains(program.state.string) || text.contains("--network-keeper")
        }
        #expect(ours.count == 2 * names.count)
        for process in ours { kill(process, SIGKILL) }
    }

    /// What twenty machines must not change, however they end: by `stop`, or with everything killed and then `gc`.
    func leavesNoTrace() throws {
        let before = try HostTraces.now(of: program.state)
        let killed = {
            try killSupervisors()
            try program.succeed(["gc"])
        }
        for end in [stop, killed] {
            try boot()
            try end()
            #expect(try HostTraces.settled(like: before, of: program.state) == before)
            #expect(try Files.names(in: program.state.appending("machines")).isEmpty)
        }
    }

    /// Device and inode: a path of another mount namespace reads otherwise.
    private func identity(of file: FilePath) throws -> [UInt] {
        var status = stat()
        guard stat(file.string, &status) == 0 else { throw TestFailure("cannot look at \(file)") }
        return [UInt(status.st_dev), UInt(status.st_ino)]
    }

    private final class Starter {
        var background: Background
        init(_ background: consuming Background) { self.background = background }
    }
}
