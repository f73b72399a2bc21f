import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Builds that end by a signal, on a state of their own each, in the two phases that take long.
    @Suite struct InterruptionTests {
        /// Of a handful of packages, with the largest in the server's hands.
        private static let words = ["base", "tools", "bash", "coreutils", "--progress", "json"]

        /// Sends `signal` to a build that `isThere` says is where the test wants it, and checks what it leaves.
        private func interrupt(
            _ program: Program, with signal: Int32, when what: String, minimumProcesses: Int, until isThere: (String) -> Bool
        ) throws {
            let mounts = HostMounts.now()
            var build = try program.start(Self.words)
            try build.wait(for: what, until: isThere)
            let family = try ProcessFamily(of: build.pid)
            #expect(family.count >= minimumProcesses)
            build.signal(signal)
            #expect(try build.end() == (signal == SIGKILL ? .signalled(SIGKILL) : .exited(128 + signal)))
            #expect(family.survivors == [])
            #expect(HostMounts.now() == mounts)
            #expect(try program.layers().isEmpty)
            if signal != SIGKILL { #expect(try program.stagings == []) }
        }

        /// The same command to its end.
        private func again(_ program: Program) throws {
            let answer = try program.json(BuildDocument.self, Self.words)
            #expect(!answer.reused && answer.packages.contains { $0.name == "coreutils" })
            #expect(try program.stagings == [])
            #expect(try program.layers().map(\.name) == ["tools"])
        }

        @Test(
            "ended while packages are installed: no layer, mount or process stays, and nothing is downloaded again",
            arguments: [SIGINT, SIGTERM, SIGKILL])
        func duringInstall(signal: Int32) throws {
            let program = try World.program("install-\(signal)")
            // All packages into the cache: what is measured below is the second run's.
            _ = try World.core.get()
            try interrupt(program, with: signal, when: "the third package was installed", minimumProcesses: 2) { log in
                log.split(separator: "\n").count { $0.contains("\"advanced\"") && $0.contains("\"install\"") } >= 6
            }
            World.server.forgetRequests()
            try again(program)
            #expect(World.server.requests.filter { $0.path.hasSuffix(".rpm") }.isEmpty)
        }

        @Test(
            "ended while packages arrive: those that arrived are kept, the one under way goes on where it was",
            arguments: [SIGINT, SIGKILL])
        func duringDownload(signal: Int32) throws {
            let name = "download-\(signal)"
            let program = try World.program(name, cache: World.directory.appending(name).appending("cache"))
            let plan = try program.json(BuildDocument.self, ["plan", "base", "tools", "bash", "coreutils"])
            let slow = try #require(plan.packages.max { $0.size < $1.size })
            let path = try #require(try packagePath(of: slow))
            World.server.misbehave(path, .drip(Int(slow.size / 20)))
            defer { World.server.behave() }
            World.server.forgetRequests()
            let all = Set(try plan.packages.map { try #require(try packagePath(of: $0)) })
            try interrupt(program, with: signal, when: "all but one package arrived", minimumProcesses: 1) { _ in
                Set(World.server.requests.map(\.path)).isSuperset(of: all)
                    && World.server.bytesSent > plan.downloadBytes - slow.size + slow.size / 20
            }
            World.server.behave()
            World.server.forgetRequests()
            try again(program)
            let second = World.server.requests.filter { $0.path.hasSuffix(".rpm") }
            #expect(second.map(\.path) == [path])
            #expect((second.first?.rangeStart ?? 0) > 0 && World.server.bytesSent < slow.size)
        }

        /// Where the server has a package.
        private func packagePath(of package: BuildDocument.Package) throws -> String? {
            let file = "\(package.name)-\(package.version)-\(package.release).\(package.arch).rpm"
            let directory = World.demo.appending("os/x86_64")
            let found = try runChecked(["find", directory.string + "/", "-name", file, "-printf", "%P\\n"]).text
            return found.split(separator: "\n").first.map { "/demo/os/x86_64/\($0)" }
        }
    }
}
