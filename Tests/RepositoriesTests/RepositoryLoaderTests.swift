import Configuration
import Diagnostics
import Model
import System
import SystemPackage
import Testing
import Transfer

@testable import Repositories

@Suite("loading repositories")
struct RepositoryLoaderTests {
    private func loader(_ directory: FilePath, policy: MetadataPolicy = MetadataPolicy()) -> RepositoryLoader {
        RepositoryLoader(cache: directory.appending("cache"), downloader: Downloader(), policy: policy)
    }

    private func failure(_ body: () throws -> Void) -> ProvisionError? {
        do { try body() } catch { return error as? ProvisionError }
        return nil
    }

    @Test("a snapshot holds what the index pins: files by digest, mirrors, revision and time")
    func loads() throws {
        let directory = try TemporaryDirectory()
        var repository = try FixtureRepository(directory.path.appending("repo"))
        repository.files.append(("group", "comps.xml", "<comps/>"))
        repository.files.append(("group_gz", "comps.xml.gz", "packed"))
        try repository.write()
        let snapshot = try #require(try loader(directory.path).load([repository.configuration()]).first)
        #expect(try Files.readText(snapshot.primary.path) == repository.files[0].content)
        #expect(try Files.readText(try #require(snapshot.comps).path) == "<comps/>")
        #expect(snapshot.primary.path.string.hasSuffix("\(snapshot.primary.digest.hex)-primary.xml"))
        #expect((snapshot.revision, snapshot.timestamp) == ("1", 1000))
        #expect(snapshot.baseURLs == [repository.url])
        #expect(snapshot.modules == nil && snapshot.updateinfo == nil)
        #expect(try Comps(of: snapshot).groups == [])
    }

    @Test("file lists are fetched when they are asked for, not before")
    func filelists() throws {
        let directory = try TemporaryDirectory()
        let repository = try FixtureRepository(directory.path.appending("repo"))
        let loader = loader(directory.path)
        let snapshot = try #require(try loader.load([repository.configuration()]).first)
        #expect(try Files.names(in: directory.path.appending("cache/metadata")).count == 1)
        #expect(try Files.readText(try loader.filelists(of: snapshot)) == repository.files[1].content)
    }

    @Test("cached and unexpired metadata needs nothing from its source, a changed local repository is seen at once")
    func cache() throws {
        let directory = try TemporaryDirectory()
        var repository = try FixtureRepository(directory.path.appending("repo"))
        let first = try loader(directory.path).load([repository.configuration()])
        let again = loader(directory.path)
        #expect(try again.load([repository.configuration()]) == first)
        #expect(again.downloadedBytes == 0)
        repository.revision = "2"
        try repository.write()
        #expect(try loader(directory.path).load([repository.configuration()]).map(\.revision) == ["2"])
        try Files.remove(repository.directory)
        #expect(try loader(directory.path).load([repository.configuration()], freshness: .offline).map(\.revision) == ["2"])
        #expect(failure { _ = try loader(directory.path).load([repository.configuration()]) }?.code == .unreachable)
    }

    @Test("older metadata than seen before is refused unless it is allowed", arguments: ["revision", "timestamp"])
    func rollback(what: String) throws {
        let directory = try TemporaryDirectory()
        var repository = try FixtureRepository(directory.path.appending("repo"))
        repository.revision = "5"
        repository.timestamp = 5000
        try repository.write()
        _ = try loader(directory.path).load([repository.configuration()])
        if what == "revision" { repository.revision = "4" } else { repository.timestamp = 4999 }
        try repository.write()
        for _ in 0..<2 {
            let error = failure { _ = try loader(directory.path).load([repository.configuration()]) }
            #expect(error?.code == .verification)
            #expect(error?.message == "the metadata of repository \"test\" is older than what was seen before")
        }
        var policy = MetadataPolicy()
        policy.allowsOlder = true
        #expect(try loader(directory.path, policy: policy).load([repository.configuration()]).count == 1)
        // Allowing it once doesn't forget what was seen.
        for freshness in [Freshness.useCache, .refresh, .offline] {
            let error = failure { _ = try loader(directory.path).load([repository.configuration()], freshness: freshness) }
            #expect(error?.code == .verification, "\(freshness)")
        }
    }

    @Test("a huge revision that nobody signed shuts a repository out for two weeks, not for ever; one that is signed counts on")
    func poisonedRevision() throws {
        let directory = try TemporaryDirectory()
        var repository = try FixtureRepository(directory.path.appending("repo"))
        let key = try TestKey("Signer")
        try Files.write(try key.exported(), to: directory.path.appending("KEY"))
        let index = repository.directory.appending("repodata/repomd.xml")
        var signed = repository.configuration(id: "signed")
        signed.repoGPGCheck = true
        signed.keys = [KeyReference(url: "file://\(directory.path)/KEY", fingerprint: key.fingerprint)]
        let both = [repository.configuration(), signed]

        func publish(_ revision: String) throws {
            repository.revision = revision
            repository.timestamp += 1
            try repository.write()
            try Files.write(try key.sign(try Files.read(index)), to: repository.directory.appending("repodata/repomd.xml.asc"))
        }
        func refusals() -> [Bool] { both.map { one in failure { _ = try loader(directory.path).load([one]) } != nil } }

        try publish("18446744073709551615")
        #expect(refusals() == [false, false])
        try publish("7")
        #expect(refusals() == [true, true])
        for name in try Files.names(in: directory.path.appending("cache/repos")) where name != "lock" {
            let state = directory.path.appending("cache/repos/\(name)/state.json")
            let text = try Files.readText(state)
            let seen = try #require(try /"revisionSeen" : (\d+)/.firstMatch(in: text)?.1)
            let earlier = try #require(Int(seen)) - 15 * 86400
            try Files.write(text.replacing("\"revisionSeen\" : \(seen)", with: "\"revisionSeen\" : \(earlier)"), to: state)
        }
        #expect(refusals() == [false, true])
        // From then on the small one counts.
        try publish("6")
        #expect(refusals() == [true, true])
        try publish("8")
        #expect(refusals() == [false, true])
    }

    @Test("a mirror with an older or broken index is left for the next")
    func staleMirror() throws {
        let directory = try TemporaryDirectory()
        var old = try FixtureRepository(directory.path.appending("old"))
        var new = try FixtureRepository(directory.path.appending("new"))
        new.timestamp = 2000
        try new.write()
        var configuration = old.configuration()
        configuration.baseURLs = [old.url, new.url]
        old.timestamp = 2000
        try old.write()
        _ = try loader(directory.path).load([configuration])
        old.timestamp = 1500
        try old.write()
        let snapshot = try #require(try loader(directory.path).load([configuration], freshness: .refresh).first)
        #expect(snapshot.baseURLs == [new.url])
        try Files.write("<html>log in</html>", to: old.directory.appending("repodata/repomd.xml"))
        #expect(try loader(directory.path).load([configuration], freshness: .refresh).count == 1)
    }

    @Test("a file of metadata with other bytes than the index pins is refused")
    func mixedGenerations() throws {
        let directory = try TemporaryDirectory()
        let repository = try FixtureRepository(directory.path.appending("repo"))
        let name = "\(sha256(of: repository.files[0].content).hex)-primary.xml"
        try Files.write("<metadata packages=\"1\"/>", to: repository.directory.appending("repodata").appending(name))
        let error = failure { _ = try loader(directory.path).load([repository.configuration()]) }
        #expect(error?.code == .verification)
        #expect(error?.message.contains("test: primary") == true)
    }

    @Test("a repository that can't be reached is named, and skipped only where that is allowed")
    func unreachable() throws {
        let directory = try TemporaryDirectory()
        let repository = try FixtureRepository(directory.path.appending("repo"))
        var missing = repository.configuration(id: "missing")
        missing.baseURLs = ["file:///nowhere/a", "file:///nowhere/b"]
        let error = failure { _ = try loader(directory.path).load([repository.configuration(), missing]) }
        #expect(error?.code == .unreachable)
        #expect(error?.message.contains("\"missing\"") == true)
        #expect(error?.causes.count == 2)
        missing.skipIfUnavailable = true
        #expect(try loader(directory.path).load([repository.configuration(), missing]).map(\.id) == ["test"])
    }

    @Test("digests that can be forged don't pin anything unless that is allowed")
    func weakDigests() throws {
        let directory = try TemporaryDirectory()
        let repository = try FixtureRepository(directory.path.appending("repo"))
        let weak = try digest(Array("<metadata/>".utf8), .sha1)
        try Files.write("<metadata/>", to: repository.directory.appending("repodata/primary.xml"))
        let record = repository.record("primary", location: "repodata/primary.xml", digest: weak, size: 11)
        try Files.write(repository.document(record), to: repository.directory.appending("repodata/repomd.xml"))
        #expect(failure { _ = try loader(directory.path).load([repository.configuration()]) }?.code == .verification)
        var permissive = repository.configuration()
        permissive.weakDigests = true
        #expect(try loader(directory.path).load([permissive]).count == 1)
    }

    @Test("a file larger than the cap is refused before it is fetched")
    func caps() throws {
        let directory = try TemporaryDirectory()
        let repository = try FixtureRepository(directory.path.appending("repo"))
        var policy = MetadataPolicy()
        policy.maximumFileSize = 10
        let error = failure { _ = try loader(directory.path, policy: policy).load([repository.configuration()]) }
        #expect(error?.code == .verification)
        #expect(try Files.names(in: directory.path.appending("cache/metadata")) == [])
    }

    @Test("the index's signature is checked where that is asked for, and remembered")
    func signedIndex() throws {
        let directory = try TemporaryDirectory()
        var repository = try FixtureRepository(directory.path.appending("repo"))
        let key = try TestKey("Signer")
        let stranger = try TestKey("Stranger")
        try Files.write(try key.exported(), to: directory.path.appending("KEY"))
        var configuration = repository.configuration()
        configuration.repoGPGCheck = true
        configuration.keys = [KeyReference(url: "file://\(directory.path)/KEY", fingerprint: key.fingerprint)]
        let index = repository.directory.appending("repodata/repomd.xml")
        let signature = repository.directory.appending("repodata/repomd.xml.asc")
        #expect(failure { _ = try loader(directory.path).load([configuration]) }?.message.contains("not signed") == true)
        try Files.write(try stranger.sign(try Files.read(index)), to: signature)
        let error = failure { _ = try loader(directory.path).load([configuration]) }
        #expect(error?.code == .verification)
        #expect(error?.message.contains("\"test\"") == true)
        #expect(error?.message.contains(stranger.fingerprint.suffix(16)) == true)
        try Files.write(try key.sign(try Files.read(index)), to: signature)
        #expect(try loader(directory.path).load([configuration]).count == 1)
        // Remembered: neither the signature nor the key is looked at again.
        try Files.remove(signature)
        try Files.remove(directory.path.appending("KEY"))
        try Files.remove(directory.path.appending("cache/keys"))
        #expect(try loader(directory.path).load([configuration]).count == 1)
        // Another generation isn't covered by it.
        try Files.write(try key.exported(), to: directory.path.appending("KEY"))
        repository.revision = "2"
        try repository.write()
        #expect(failure { _ = try loader(directory.path).load([configuration]) }?.code == .verification)
    }

    @Test("packages are fetched from every mirror; a location that leads out is refused")
    func packageURLs() throws {
        let directory = try TemporaryDirectory()
        let repository = try FixtureRepository(directory.path.appending("repo"))
        var snapshot = try #require(try loader(directory.path).load([repository.configuration()]).first)
        snapshot.baseURLs = ["https://a/os", "http://b/os"]
        var package = PlannedPackage(
            nevra: try #require(NEVRA("gcc-c++-1-1.x86_64")), repository: "test", location: "Packages/gcc-c++-1-1.rpm",
            checksum: sha256(of: ""), size: 0, installedSize: 0, reason: .group(id: "core"))
        #expect(
            try snapshot.packageURLs(for: package) == [
                "https://a/os/Packages/gcc-c%2B%2B-1-1.rpm", "http://b/os/Packages/gcc-c%2B%2B-1-1.rpm",
            ])
        package.locationBase = "https://elsewhere/x/"
        #expect(try snapshot.packageURLs(for: package) == ["https://elsewhere/x/Packages/gcc-c%2B%2B-1-1.rpm"])
        for (location, base) in [("../x.rpm", nil), ("/x.rpm", nil), ("x.rpm", "file:///etc"), ("x.rpm", "../..")] {
            package.location = location
            package.locationBase = base
            #expect(throws: ProvisionError.self) { try snapshot.packageURLs(for: package) }
        }
    }
}
