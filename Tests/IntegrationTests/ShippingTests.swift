import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Layers as files, unpacked into another state.
    @Suite struct ShippingTests {
        private struct Packed: Decodable {
            var bytes: UInt64
            var digest: String
        }
        private struct Unpacked: Decodable {
            var name: String
            var parent: String?
            var digest: String
            var reused: Bool
        }

        /// A base of a shell and its friends, which takes a quarter of core's time to compress, with an application on it.
        private static let packed: Result<(Program, base: BuildDocument, app: BuildDocument), any Error> = Result {
            let program = try World.program("packed")
            let base = try program.json(BuildDocument.self, ["base", "base", "bash", "coreutils"])
            return (program, base, try program.json(BuildDocument.self, ["app", "vsftpd", "--on", "base"]))
        }

        @Test(
            "base and application travel to another state, and the application runs there",
            arguments: [("cpio.bz2", "tar.zst"), ("tar.zst", "cpio.bz2"), ("squashfs", "erofs")])
        func roundTrip(baseFormat: String, appFormat: String) throws {
            let (program, base, app) = try Self.packed.get()
            let directory = World.directory.appending("shipped-\(baseFormat)")
            let there = Program(in: directory)
            try Files.makeDirectory(directory)
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            let baseFile = directory.appending("base.\(baseFormat)").string
            let appFile = directory.appending("vsftpd.\(appFormat)").string
            let packed = try program.json(Packed.self, ["pack", "base", "-o", baseFile])
            #expect(packed.digest == base.digest && packed.bytes < base.installedBytes)
            #expect(try program.json(Packed.self, ["pack", "vsftpd", "-o", appFile]).bytes < app.installedBytes)

            let early = try there.failure(["unpack", appFile])
            #expect(early.status == 1 && early.error.code == "conflict")
            #expect(([early.error.message] + early.error.causes).joined().contains(try #require(base.digest).prefix(16)))
            #expect(try there.layers().isEmpty && there.stagings == [])

            let unpacked = try there.json(Unpacked.self, ["unpack", baseFile])
            #expect(unpacked.name == "base" && unpacked.digest == base.digest && !unpacked.reused)
            let unpackedApp = try there.json(Unpacked.self, ["unpack", appFile])
            #expect(unpackedApp.parent == "base" && unpackedApp.digest == app.digest)
            // Digests cover it; programs outside of provision say the same.
            let here = try TreeListing(of: FilePath(try #require(app.path)))
            let copy = try TreeListing(of: there.state.appending("layers/vsftpd/tree"))
            #expect(copy.differences(from: here).isEmpty)
            // vsftpd writes to its standard input, which it takes for a client.
            let version = try there.succeed(["run", "vsftpd", "--", "sh", "-c", "vsftpd -v 0>&1"])
            #expect(version.hasPrefix("vsftpd: version 3"))
            #expect(try there.json(Unpacked.self, ["unpack", appFile]).reused)
        }
    }
}
