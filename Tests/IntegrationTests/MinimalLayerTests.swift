import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct MinimalLayerTests {
        @Test("a minimal base runs ps in a pid namespace of its own, with a link inside the root for each applet")
        func processes() throws {
            let directory = try TemporaryDirectory()
            let program = Program(in: directory.path)
            try program.succeed(["minimal"])
            let processes = try program.succeed(["run", "minimal", "--", "ps", "-o", "pid,comm"]).split(separator: "\n")
            #expect(processes.last?.contains(#/^ +2 ps *$/#) == true)
            #expect(processes.count <= 3)
            #expect(try program.succeed(["run", "minimal", "--user", "nobody", "--", "id", "-un"]) == "nobody\n")
            #expect(try program.succeed(["run", "minimal", "--user", "1234", "--", "id", "-u"]) == "1234\n")
            let tree = program.state.appending("layers/minimal/tree")
            let applets = try runChecked(["busybox", "--list-full"]).text.split(separator: "\n").filter { $0.contains("/") }
            let busybox = try Files.canonical(tree.appending("bin/busybox"))
            for applet in applets { #expect(try Files.canonical(tree.appending(String(applet))) == busybox) }
        }

        @Test("the same busybox again is the layer that is there; another one under its name is a conflict")
        func reuse() throws {
            struct Answer: Decodable { var reused: Bool, digest: String }
            let directory = try TemporaryDirectory()
            let program = Program(in: directory.path)
            let first = try program.json(Answer.self, ["minimal"])
            let again = try program.json(Answer.self, ["minimal"])
            let renamed = try program.json(Answer.self, ["minimal", "tiny"])
            #expect(!first.reused && again.reused && [again.digest, renamed.digest] == [first.digest, first.digest])
            let other = directory.path.appending("other")
            try Files.write(try Files.read("/bin/busybox") + [0], to: other, mode: 0o755)
            #expect(try program.failure(["minimal", "--busybox", other.string]).error.code == "conflict")
            try program.succeed(["minimal", "third", "--busybox", other.string])
            #expect(try program.layers().map(\.name) == ["minimal", "third", "tiny"])
        }

        @Test("a dynamically linked program and one that is no busybox are refused with the reason; nothing is left")
        func refused() throws {
            let directory = try TemporaryDirectory()
            let program = Program(in: directory.path)
            let dynamic = try program.failure(["minimal", "--busybox", "/bin/ls"])
            #expect(dynamic.status == 1 && dynamic.error.message.contains("dynamically linked: it needs the loader"))
            #expect(try program.failure(["minimal", "--busybox", directory.path.appending("none").string]).status == 1)
            #expect(try program.layers().isEmpty && program.stagings.isEmpty)
        }
    }
}
