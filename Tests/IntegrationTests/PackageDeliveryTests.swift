import Diagnostics
import Glibc
import Installing
import Model
import System
import SystemPackage
import Testing
import Transfer

@testable import Provisioning

@Suite("Handing packages over")
struct PackageDeliveryTests {
    /// Of this process by now.
    private func children() throws -> Set<Int32> { Set(try ProcessFamily(of: getpid()).pids) }

    @Test("processes that were started ahead and are needed by nobody are gone with their owner")
    func startedForNothing() throws {
        let before = try children()
        var processes: InstallProcesses? = try InstallProcesses(executable: Program.path)
        let started = try children().subtracting(before)
        #expect(started.count >= 2)
        processes = nil
        #expect(try children().intersection(started).isEmpty)
        _ = processes
    }

    @Test("a process that died before it was told what to do is an error and nothing to wait for")
    func diedWaiting() throws {
        let fixture = try InstallFixture()
        let before = try children()
        for victim in [0, 1] {
            let processes = try InstallProcesses(executable: Program.path)
            let own = try children().subtracting(before).sorted()
            kill(own[victim], SIGKILL)
            let error = try #require(throws: ProvisionError.self) {
                let installation = try Installation(fixture.job([]), by: processes, progress: RecordingProgress())
                try installation.begin(InstallPlan(packages: [], keys: []), packagesBelow: "/")
                _ = try installation.finish()
            }
            #expect(error.code == .failed, "\(error)")
        }
        #expect(try children() == before)
    }

    @Test("a package that another run put into the cache meanwhile, and is told of twice, is handed over and counted once")
    func toldTwice() throws {
        let fixture = try InstallFixture()
        let cache = PackageCache(cache: fixture.factory.path.appending("cache"))
        let made = try ["one", "two"].map { try fixture.factory.package($0) }
        let planned = try made.map { path in
            let (checksum, size) = try digest(ofFileAt: path)
            let target = cache.path(for: checksum)
            try Files.makeDirectory(target.removingLastComponent())
            try runChecked(["cp", path.string, target.string])
            return PlannedPackage(
                nevra: NEVRA(path.stem!)!, repository: "test", location: "", checksum: checksum, size: size, installedSize: 0,
                reason: .requested(spec: path.stem!))
        }
        let entries = try zip(made, planned).map { path, package in
            var entry = try fixture.entry(path)
            entry.path = cache.path(for: package.checksum).string
            return entry
        }
        let progress = RecordingProgress()
        let installation = try Installation(
            fixture.job([]), by: InstallProcesses(executable: Program.path), progress: progress)
        let delivery = try PackageDelivery(
            planned, plan: InstallPlan(packages: entries, keys: []), into: installation, cache: cache)
        for package in planned {
            delivery.packageArrived(package.checksum, wasThere: true)
            delivery.headArrived(package.checksum)
            delivery.packageArrived(package.checksum, wasThere: true)
        }
        while !delivery.isOver {
            Installation.wait(for: [installation])
            delivery.step()
            for package in planned { delivery.packageArrived(package.checksum) }
        }
        if let failure = delivery.failure { throw failure }
        _ = try installation.finish()
        #expect(installation.verified == 2)
        #expect(progress.events.count { $0 == .began(.verify, total: 2) } == 1)
    }
}
