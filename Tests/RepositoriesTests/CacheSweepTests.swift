import Diagnostics
import Glibc
import Model
import System
import SystemPackage
import Testing
import Transfer

@testable import Repositories

@Suite("what is swept from the cache")
struct CacheSweepTests {
    private func load(_ repository: FixtureRepository, cache: FilePath) throws -> RepositorySnapshot {
        try #require(
            try RepositoryLoader(cache: cache, downloader: Downloader()).load([repository.configuration()]).first)
    }

    /// Sweeps once the cache is free: a child that a neighbouring test starts holds a copy of every lock until its exec.
    private func sweep(_ cache: FilePath, now: Int64? = nil) throws -> CacheSweep.Report {
        for _ in 0..<600 {
            if let report = try CacheSweep(cache: cache, now: now).run() { return report }
            usleep(50_000)
        }
        throw ProvisionError(.conflict, "the cache is in use for half a minute")
    }

    @Test("metadata of an older generation goes, with its parsed form; that of the newest stays, and nothing is fetched again")
    func generations() throws {
        let directory = try TemporaryDirectory()
        let cache = directory.path.appending("cache")
        var repository = try FixtureRepository(directory.path.appending("repo"))
        let old = try load(repository, cache: cache)
        repository.files[0].content = "<metadata packages=\"0\"></metadata>"
        repository.timestamp += 1
        try repository.write()
        let new = try load(repository, cache: cache)
        let solv = cache.appending("solv")
        try Files.makeDirectory(solv)
        for snapshot in [old, new] { try Files.write("x", to: solv.appending("\(snapshot.repomdDigest.hex)-primary.solv")) }
        let report = try sweep(cache)
        #expect(report.removed.count == 2)
        #expect(report.freedBytes > 0)
        #expect(!Files.exists(old.primary.path) && Files.exists(new.primary.path))
        #expect(try Files.names(in: solv) == ["\(new.repomdDigest.hex)-primary.solv"])
        #expect(try load(repository, cache: cache) == new)
        #expect(try sweep(cache) == CacheSweep.Report())
        // A repository that nobody asked for in a long time keeps only what is remembered of it.
        let later = try sweep(cache, now: currentSeconds() + 40 * 86400)
        #expect(later.removed.count == 2)
        #expect(try load(repository, cache: cache).repomdDigest == new.repomdDigest)
    }

    @Test("downloads that nobody went on with go after a week, unless a process holds them")
    func parts() throws {
        let directory = try TemporaryDirectory()
        let packages = directory.path.appending("packages/ab")
        try Files.makeDirectory(packages)
        let names = ["held.rpm.part", "new.rpm.part", "old.rpm", "old.rpm.part"]
        for name in names { try Files.write("x", to: packages.appending(name)) }
        for name in names where name != "new.rpm.part" {
            try runChecked(["touch", "-d", "8 days ago", packages.appending(name).string])
        }
        let lock = try FileLock.trying(packages.appending("held.rpm.part"))
        _ = try sweep(directory.path)
        #expect(try Files.names(in: packages) == ["held.rpm.part", "new.rpm.part", "old.rpm"])
        _ = consume lock
    }

    @Test("blobs of a push or pull that was broken off go after a week")
    func blobs() throws {
        let directory = try TemporaryDirectory()
        let blobs = directory.path.appending("blobs/sha256")
        try Files.makeDirectory(blobs)
        for name in ["new", "old", "old.part"] { try Files.write("x", to: blobs.appending(name)) }
        for name in ["old", "old.part"] { try runChecked(["touch", "-d", "8 days ago", blobs.appending(name).string]) }
        _ = try sweep(directory.path)
        #expect(try Files.names(in: blobs) == ["new"])
    }

    @Test("while a loader lives nothing is touched")
    func inUse() throws {
        let directory = try TemporaryDirectory()
        let cache = directory.path.appending("cache")
        let repository = try FixtureRepository(directory.path.appending("repo"))
        let loader = RepositoryLoader(cache: cache, downloader: Downloader())
        _ = try loader.load([repository.configuration()])
        let second = RepositoryLoader(cache: cache, downloader: Downloader())
        _ = try second.load([repository.configuration()])
        #expect(try withExtendedLifetime((loader, second)) { try CacheSweep(cache: cache).run() } == nil)
    }
}
