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
        let source = try appStreamSource()
        let cache = try TemporaryDirectory()
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

    @Test("each hundredth package has the same answer by way of the index as out of all packages")
    func closures() throws {
        let appStream = try appStreamSource()
        let directory = try TemporaryDirectory()
        let rest = try FixtureRepository("rest", in: directory.path, [try whatItLacks(appStream.primary)])
        func request(_ name: String, weak: Bool) -> SolveRequest {
            SolveRequest(
                repositories: [appStream, rest.source], specs: [name], architecture: "x86_64", weakDependencies: weak,
                cache: directory.path.appending("solv"))
        }
        let names = try PackageIndex([appStream], architecture: "x86_64", withDetails: false, cache: directory.path)
            .search([""]).map(\.nevra.name)
        #expect(names.count > 5000)
        // Loads everything at its first question, which makes the indexes, and asks all of it ever after.
        let session = SolveSession()
        var answered = 0
        for (number, name) in names.enumerated() where number.isMultiple(of: 100) {
            let request = request(name, weak: number.isMultiple(of: 200))
            func answer(_ solve: (SolveRequest, any ProgressSink) throws -> Solution) throws -> String {
                do {
                    let solution = try solve(request, SilentProgress())
                    answered += 1
                    return "\(solution)"
                } catch let error as ProvisionError {
                    return "\(error) \(error.causes)"
                }
            }
            let (all, quick) = (try answer(session.solve), try answer(solve))
            #expect(all == quick, "\(name)")
        }
        #expect(answered > names.count / 100)
    }

    private func appStreamSource() throws -> RepositorySource {
        let data = FilePath(try #require(ProcessInfo.processInfo.environment["PROVISION_REAL_DATA"]))
        let repodata = data.appending("centos-stream-9/appstream/repodata")
        let primary = try #require(try Files.names(in: repodata).first { $0.contains("primary.xml") })
        return RepositorySource(id: "appstream", primary: repodata.appending(primary), generation: primary)
    }

    /// One package that provides what packages of the repository require and none of them provides.
    private func whatItLacks(_ primary: FilePath) throws -> FixturePackage {
        func entries(_ kind: String) throws -> Set<String> {
            let script =
                "zcat '\(primary)' | sed -n '/<rpm:\(kind)>/,/<\\/rpm:\(kind)>/s/.*<rpm:entry \\(.*\\)\\/>/\\1/p' | sort -u"
            let output = try runProgram(["sh", "-c", script]).standardOutput
            return Set(String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init))
        }
        func value(_ attribute: String, _ entry: String) -> String? {
            entry.firstRange(of: " \(attribute)=\"").flatMap { start in
                entry[start.upperBound...].firstIndex(of: "\"").map { String(entry[start.upperBound..<$0]) }
            }
        }
        let provided = Set(try entries("provides").compactMap { value("name", " " + $0) })
        var capabilities: Set<String> = []
        for entry in try entries("requires").map({ " " + $0 }) {
            guard let name = value("name", entry), !provided.contains(name), !name.hasPrefix("(") else { continue }
            guard let version = value("ver", entry) else {
                capabilities.insert(name)
                continue
            }
            let release = value("rel", entry).map { "-\($0)" } ?? ""
            capabilities.insert("\(name) = \(value("epoch", entry) ?? "0"):\(version)\(release)")
        }
        #expect(capabilities.count > 1000)
        return FixturePackage("rest", provides: capabilities.sorted())
    }
}
