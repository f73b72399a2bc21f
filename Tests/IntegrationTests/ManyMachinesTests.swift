import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct ManyMachinesTests {
        private static let names = (1...20).map { "many-\($0)" }

        /// Boots twenty at once on one network, every second one with a published port and NAT, and waits for each.
        private func boot(_ box: BusyboxRoot) throws {
            let starters = try Self.names.enumerated().map { number, name in
                let port = number.isMultiple(of: 2) ? ["--publish", "\(8100 + number):80", "--nat"] : []
                return Starter(
                    try Background(
                        box.words(
                            "boot",
                            [
                                "--detach", "--ephemeral", "--machine", name, "--network", "crowd", "--memory", "64M", "--pids",
                                "50",
                            ]
                                + port), output: box.state.removingLastComponent().appending("start-\(name)")))
            }
            for starter in starters { #expect(try starter.end() == .exited(0), "\(starter.background.text)") }
            let listed = try provision(box, "list").text
            #expect(listed.matches(of: #/many-\d+ +running/#).count == 20, "\(listed)")
        }

        private final class Starter {
            var background: Background
            init(_ background: consuming Background) { self.background = background }
            func end() throws -> ChildProcess.Status { try background.end() }
        }

        /// Device and inode: a path of another mount namespace reads otherwise.
        private func identity(of file: FilePath) throws -> [UInt] {
            var status = stat()
            guard stat(file.string, &status) == 0 else { throw TestFailure("cannot look at \(file)") }
            return [UInt(status.st_dev), UInt(status.st_ino)]
        }

        private func provision(_ box: BusyboxRoot, _ words: String...) throws -> ProgramOutput {
            try runProgram([Program.path.string] + words + ["--state", box.state.string])
        }

        @Test("twenty machines booted at once and stopped at once leave the host as it was") func stopped() throws {
            let box = try BusyboxRoot(boots: true)
            let before = try HostTraces.now(of: box)
            try boot(box)
            let members = try Files.readText(box.state.appending("machines/many-1/hosts"))
            for name in Self.names { #expect(members.contains(" \(name)\n")) }
            let stopped = try runProgram([Program.path.string, "stop", "--state", box.state.string] + Self.names)
            #expect(stopped.status == .exited(0), "\(stopped.standardError)")
            #expect(try HostTraces.settled(like: before, of: box) == before)
            #expect(try Files.names(in: box.state.appending("machines")).isEmpty)
        }

        @Test("twenty machines, every process of provision killed at once: after gc the host is as it was") func killed() throws
        {
            let box = try BusyboxRoot(boots: true)
            let before = try HostTraces.now(of: box)
            try boot(box)
            // Supervisors by the state in their words, keepers by their own.
            let program = try identity(of: Program.path)
            let ours = try Files.names(in: "/proc").compactMap { Int32($0) }.filter { process in
                guard let other = try? identity(of: FilePath("/proc/\(process)/exe")), other == program else { return false }
                let words = try Files.readIfPresent(FilePath("/proc/\(process)/cmdline")) ?? []
                let text = String(decoding: words, as: UTF8.self)
                return text.contains(box.state.string) || text.contains("--network-keeper")
            }
            #expect(ours.count == 40)
            for process in ours { kill(process, SIGKILL) }
            let collected = try provision(box, "gc")
            #expect(collected.status == .exited(0), "\(collected.standardError)")
            #expect(try HostTraces.settled(like: before, of: box) == before)
            #expect(try Files.names(in: box.state.appending("machines")).isEmpty)
        }
    }
}
