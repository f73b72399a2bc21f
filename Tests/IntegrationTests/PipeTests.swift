import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Images that go through pipes instead of files.
    @Suite struct PipeTests {
        @Test(
            "a layer goes from standard output to standard input, the same bytes as in a file",
            arguments: ["tar.zst", "cpio.xz"])
        func pipe(format: String) throws {
            let directory = World.directory.appending("pipe-\(format)")
            let root = directory.appending("root")
            try Files.makeDirectory(root.appending("etc"))
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            try Files.write("hello\n", to: root.appending("etc/motd"))
            let made = directory.appending("made.tar")
            try runChecked(["tar", "-C", root.string, "-cf", made.string, "."])
            let (here, there) = (Program(in: directory.appending("a")), Program(in: directory.appending("b")))
            try here.succeed(["unpack", made.string, "--name", "small"])
            let file = directory.appending("small.\(format)")
            try here.succeed(["pack", "small", "-o", file.string])
            let image = try here.run("pack", "small", "-o", "-", "--format", format)
            let packed = try Files.read(file)
            #expect(image.status == .exited(0) && image.standardOutput == packed)
            let unpacked = try runProgram(there.arguments(["unpack", "-", "--format", format]), input: image.standardOutput)
            #expect(unpacked.status == .exited(0))
            let (theirs, ours) = (try there.layers(), try here.layers())
            #expect(ours.count == 1 && theirs.map(\.digest) == ours.map(\.digest))
        }

        @Test(
            "a pipe has no name that tells the format, and no room for a document beside the image",
            arguments: [["pack", "x", "-o", "-"], ["pack", "x", "-o", "-", "--format", "tar", "--json"], ["unpack", "-"]])
        func wrongUsage(words: [String]) throws {
            #expect(try runProgram([Program.path.string] + words).status == .exited(2))
        }
    }
}
