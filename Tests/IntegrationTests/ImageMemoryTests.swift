import Diagnostics
import Glibc
import Layers
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Layers on their way hold no more memory for a large file than for a small one.
    @Suite struct ImageMemoryTests {
        /// Larger than any program on the way may become by it.
        private static let size = 600 << 20
        /// What the buffers of compressors grow by: they take pieces of some MiB for each core, whatever the file's size.
        private static let allowance: UInt64 = 300 << 20

        private func layer(_ name: String, size: Int, in fixture: borrowing LayerFixture) throws {
            let staging = try fixture.store.stage("provision base \(name)")
            // Text that is easily compressed, without a hole: the time goes to bytes.
            try fixture.shell(
                "yes 'a line of a large file' | head -c \(size) > \(staging.tree)/file; chmod 755 \(staging.tree)")
            _ = try fixture.store.commit(staging, rules: .none) { fixture.manifest(name, $0) }
        }

        private func peak(_ program: Program, _ words: [String]) throws -> UInt64 {
            let run = try MeasuredRun(program.arguments(words), limit: 300)
            guard run.status == 0 else { throw TestFailure("\(words.joined(separator: " ")): \(run.errors)") }
            return run.peakMemory
        }

        @Test(
            "packing and unpacking a large file takes no more memory than a small one",
            arguments: ["tar.zst", "cpio.gz", "tar.bz2", "squashfs", "erofs", "oci.tar"])
        func files(format: String) throws {
            let fixture = try LayerFixture()
            try layer("large", size: Self.size, in: fixture)
            try layer("small", size: 1 << 20, in: fixture)
            let program = Program(in: fixture.path)
            let there = Program(in: fixture.path.appending("there"))
            var peaks: [String: UInt64] = [:]
            for name in ["small", "large"] {
                let file = fixture.path.appending("\(name).\(format)").string
                peaks["pack \(name)"] = try peak(program, ["pack", name, "-o", file])
                peaks["unpack \(name)"] = try peak(there, ["unpack", file])
            }
            for verb in ["pack", "unpack"] {
                let (small, large) = (try #require(peaks["\(verb) small"]), try #require(peaks["\(verb) large"]))
                #expect(large < small + Self.allowance, "\(verb): \(small >> 20) and \(large >> 20) MiB")
            }
        }

        @Test("pushing and pulling a large blob takes no more memory than a small one")
        func registry() throws {
            let fixture = try LayerFixture()
            try layer("large", size: Self.size, in: fixture)
            try layer("small", size: 1 << 20, in: fixture)
            let registry = try DockerRegistry(in: fixture.path.appending("registry"))
            let program = Program(in: fixture.path)
            let there = Program(in: fixture.path.appending("there"))
            var peaks: [String: UInt64] = [:]
            for name in ["small", "large"] {
                let place = "\(registry.host)/\(name):1"
                peaks["push \(name)"] = try peak(program, ["push", name, place, "--compression", "none"])
                peaks["pull \(name)"] = try peak(there, ["pull", place])
            }
            for verb in ["push", "pull"] {
                let (small, large) = (try #require(peaks["\(verb) small"]), try #require(peaks["\(verb) large"]))
                #expect(large < small + Self.allowance, "\(verb): \(small >> 20) and \(large >> 20) MiB")
            }
        }
    }
}
