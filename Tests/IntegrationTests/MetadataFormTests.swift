import Configuration
import Diagnostics
import Model
import Repositories
import Solving
import System
import SystemPackage
import Testing
import Transfer

@Suite("the forms that metadata comes in")
struct MetadataFormTests {
    @Test(
        "every compression and every strong digest in use is read", arguments: ["", "gz", "xz", "zst", "bz2"],
        [ContentDigest.Algorithm.sha256, .sha512])
    func forms(compression: String, digest: ContentDigest.Algorithm) throws {
        let fixture = try HostileFixture()
        fixture.repository.compression = compression
        fixture.repository.digestType = digest
        try fixture.repository.write()
        let run = try fixture.plan()
        #expect(run.status == 0, "\(run.errors)\(run.output)")
        #expect(run.output.contains("\"hello\""))
    }

    @Test("metadata that only sha1 pins is refused unless weak_digests says otherwise")
    func weakDigest() throws {
        let fixture = try HostileFixture()
        fixture.repository.digestType = .sha1
        try fixture.repository.write()
        try fixture.refusal(4, "pinned by sha1 only", "os.weak_digests=1")
        #expect(try fixture.plan("--setopt", "os.weak_digests=1").status == 0)
    }

    @Test("an index cut off anywhere is refused, and the next mirror's is taken")
    func truncatedIndex() throws {
        let fixture = try HostileFixture()
        let path = fixture.repository.directory.appending("repodata/repomd.xml")
        let whole = try Files.read(path)
        // Without the line's end behind the root element it is still whole.
        let length = whole.count - (whole.last == 10 ? 1 : 0)
        for point in stride(from: 0, to: length, by: max(1, length / 60)) {
            let directory = try TemporaryDirectory()
            fixture.server.misbehave("/os/repodata/repomd.xml", .shortened(to: point))
            var configuration = RepositoryConfiguration(id: "os", baseURLs: [fixture.server.url + "/os"])
            configuration.transport.retries = 1
            configuration.transport.proxy = ""
            let loader = RepositoryLoader(cache: directory.path, downloader: Downloader())
            let error = #expect(throws: ProvisionError.self) { try loader.load([configuration]) }
            #expect(error?.message.contains("\"os\"") == true, "cut after \(point)")
            fixture.server.behave()
            #expect(try loader.load([configuration]).count == 1)
        }
    }

    @Test("primary metadata cut off anywhere is refused although its digest is right", arguments: ["", "gz", "zst"])
    func truncatedPrimary(compression: String) throws {
        let fixture = try HostileFixture()
        fixture.repository.packages = 20
        fixture.repository.compression = compression
        let whole = try fixture.repository.pack(fixture.repository.plainPrimary)
        let directory = try TemporaryDirectory()
        let file = directory.path.appending("primary.xml" + (compression.isEmpty ? "" : "." + compression))
        // The last bytes are white space, or a checksum that not every library misses.
        for point in stride(from: 0, to: whole.count - 16, by: max(1, whole.count / 50)) {
            try Files.write(Array(whole.prefix(point)), to: file)
            let source = RepositorySource(id: "os", primary: file, generation: "\(compression)\(point)")
            let request = SolveRequest(
                repositories: [source], specs: ["hello"], architecture: "x86_64", cache: directory.path.appending("solv"))
            let error = #expect(throws: ProvisionError.self) { try solve(request, progress: SilentProgress()) }
            #expect(error?.code == .verification, "cut after \(point) of \(whole.count)")
        }
    }
}
