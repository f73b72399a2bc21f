import Diagnostics
import Foundation
import Model
import Solving
import System
import SystemPackage
import Testing

/// CentOS Stream 9's AppStream (17,649 packages), where PROVISION_REAL_DATA tells its folder.
@Suite(
    "Real metadata",
    .enabled("PROVISION_REAL_DATA is not set") { ProcessInfo.processInfo.environment["PROVISION_REAL_DATA"] != nil })
struct RealDataTests {
    @Test("a repository of 17,649 packages loads, resolves what it can, and explains what it can't")
    func appStream() throws {
        let data = FilePath(try #require(ProcessInfo.processInfo.environment["PROVISION_REAL_DATA"]))
        let repodata = data.appending("centos-stream-9/appstream/repodata")
        let primary = try #require(try Files.names(in: repodata).first { $0.contains("primary.xml") })
        let cache = try TemporaryDirectory()
        let source = RepositorySource(id: "appstream", primary: repodata.appending(primary), generation: primary)
        var request = SolveRequest(
            repositories: [source], specs: ["adobe-mappings-cmap"], architecture: "x86_64", cache: cache.path)
        let clock = ContinuousClock()
        var plans: [Plan] = []
        for attempt in ["cold", "warm"] {
            let time = try clock.measure { plans.append(try solve(request, progress: SilentProgress()).plan) }
            print("appstream \(attempt): \(time)")
        }
        #expect(plans[0] == plans[1])
        #expect(plans[0].packages.map(\.nevra.name) == ["adobe-mappings-cmap"])

        request.specs = ["podman"]
        let error = #expect(throws: ProvisionError.self) { try solve(request, progress: SilentProgress()) }
        #expect(error?.code == .unsatisfiable)
        #expect(error?.causes.last?.hasPrefix("no enabled repository provides ") == true)
    }
}
