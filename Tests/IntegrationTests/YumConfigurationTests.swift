import System
import SystemPackage
import Testing

extension EndToEnd {
    /// yum.conf in and out, and the releases that it is made of.
    @Suite struct YumConfigurationTests {
        @Test("a handwritten yum.conf is accepted as it is, and its cachedir and logfile write nothing on the host")
        func handwritten() throws {
            let program = Program(in: World.directory.appending("handwritten"), cache: World.directory.appending("cache"))
            let file = try World.handwrittenConfiguration.get()
            let before = try hostPlaces()
            let answer = try program.json(
                BuildDocument.self, ["base", "ftpserver", "vsftpd", "-c", file.string])
            #expect(try hostPlaces() == before)
            let tree = FilePath(try #require(answer.path))
            #expect(answer.packages.contains { $0.name == "vsftpd" && $0.repo == "base" && $0.reason == "requested" })
            #expect(Files.exists(tree.appending("usr/sbin/vsftpd")))
            #expect(!Files.exists(tree.appending("var/cache/yum")) && !Files.exists(tree.appending("var/log/yum.log")))
            #expect(try program.withMounted("ftpserver", installedPackages) == answer.packages.map(\.label).sorted())
            // It is off in the file, and that is said.
            #expect(answer.warnings.contains { $0.contains("\"base\"") && $0.contains("gpgcheck") })
        }

        /// What is where the file's cachedir and logfile point to, with times.
        private func hostPlaces() throws -> String {
            try runProgram(["find", "/var/cache/yum", "/var/log/yum.log", "-printf", "%p %s %T@\\n"]).text
        }

        @Test("what yumconf prints is accepted by -c, resolves to the same plan, and is printed the same again")
        func roundTrip() throws {
            let (program, core) = try World.core.get()
            let text = try program.succeed(["yumconf"])
            let file = World.directory.appending("roundtrip.conf")
            try Files.write(text, to: file)
            #expect(try program.succeed(["yumconf", "-c", file.string]) == text)
            let plan = try program.json(BuildDocument.self, ["plan", "base", "again", "-c", file.string] + World.coreRequest)
            #expect(plan.packages.map(\.label).sorted() == core.packages.map(\.label).sorted())
            #expect(plan.release == "demo" && plan.path == nil)
            let inRoot = try Files.readText(FilePath(try #require(core.path)).appending("etc/provision/yum.conf"))
            #expect(inRoot == text)
        }

        @Test("the shipped default release is centos-stream-9; release sets the state's own and refuses one that isn't there")
        func releases() throws {
            struct Releases: Decodable {
                var release: String
            }
            let program = Program(in: World.directory.appending("releases"))
            #expect(try program.json(Releases.self, ["release"]).release == "centos-stream-9")
            #expect(try program.succeed(["yumconf"]).contains("CentOS Stream 9"))
            #expect(try program.succeed(["release", "rocky-9"]) == "the default release is now rocky-9\n")
            #expect(try program.json(Releases.self, ["release"]).release == "rocky-9")
            #expect(try program.succeed(["release"]).contains("* rocky-9"))
            let failure = try program.failure(["release", "rocky-99"])
            #expect(failure.error.code == "not-found" && failure.error.hint?.contains("rocky-9") == true)
            #expect(try program.json(Releases.self, ["release"]).release == "rocky-9")
        }
    }
}
