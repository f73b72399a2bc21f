import Glibc
import System
import SystemPackage
import Testing

/// provision and dnf 4 are given the same yum.conf and the same requests, and choose the same packages.
@Suite("the same answers as dnf", .serialized)
struct DifferentialTests {
    @Test("each request of a fixture", arguments: Self.fixtures.map(\.name))
    func fixture(name: String) throws {
        let comparison = try Self.comparisons.get()
        let fixture = try #require(Self.fixtures.first { $0.name == name })
        let outcomes = try #require(comparison[name])
        for outcome in outcomes {
            let agree = outcome.ours.agrees(with: outcome.theirs)
            if let reason = fixture.differences[outcome.request] {
                #expect(!agree, "\(outcome.request) no longer differs, although it should: \(reason)")
            } else {
                #expect(agree, "\(outcome.request)\n  provision: \(outcome.ours)\n  dnf: \(outcome.theirs)")
            }
        }
        for request in fixture.differences.keys {
            #expect(outcomes.contains { $0.request == request }, "\(request) is said to differ but never asked for")
        }
    }

    @Test("there are at least 60 fixtures, and each is asked something")
    func enough() throws {
        #expect(Self.fixtures.count >= 60)
        #expect(Set(Self.fixtures.map(\.name)).count == Self.fixtures.count)
        let outcomes = try Self.comparisons.get().values.flatMap { $0 }
        let refusals = outcomes.count { if case .refusal = $0.theirs { true } else { false } }
        print("\(Self.fixtures.count) fixtures, \(outcomes.count) requests, of which dnf refuses \(refusals)")
        #expect(try Self.comparisons.get().values.allSatisfy { !$0.isEmpty })
    }

    struct Outcome {
        var request: [String]
        var ours: Answer
        var theirs: Answer
    }

    static let fixtures: [Fixture] = {
        do {
            let folder = FilePath(#filePath).removingLastComponent().appending("Fixtures")
            return try Files.names(in: folder).sorted().flatMap { name in
                try FixtureText(parsing: try Files.readText(folder.appending(name)), file: name).fixtures
            }
        } catch {
            fatalError("\(error)")
        }
    }()

    /// All fixtures are built and asked together, which is much quicker than one by one.
    private static let comparisons: Result<[String: [Outcome]], any Error> = Result {
        let directory = try TemporaryDirectory(prefix: "differential")
        let workshop = FixtureWorkshop(directory: directory.path)
        let clock = ContinuousClock()
        let building = try clock.measure { try workshop.build(fixtures) }
        let cache = directory.path.appending("dnf")
        var oracle = try Oracle(
            try fixtures.map { fixture in
                Oracle.Question(
                    name: fixture.name, configuration: workshop.configuration(fixture).string,
                    root: workshop.root(fixture).string, cache: cache.appending(fixture.name).string,
                    modular: fixture.isModular, requests: try fixture.allRequests.map { try workshop.words($0, fixture) })
            }, in: directory.path)
        var ours: [String: [Answer]] = [:]
        let answering = try clock.measure {
            for fixture in fixtures {
                let answers = try OwnAnswers(
                    directory: workshop.folder(fixture), configuration: workshop.configuration(fixture),
                    root: fixture.installed.isEmpty ? nil : workshop.root(fixture))
                ours[fixture.name] = try fixture.allRequests.map { try answers.answer(try workshop.words($0, fixture)) }
            }
        }
        let theirs = try oracle.finish()
        print("built in \(building), answered in \(answering)")
        return Dictionary(
            uniqueKeysWithValues: fixtures.map { fixture in
                let requests = fixture.allRequests
                let pairs = zip(requests, zip(ours[fixture.name] ?? [], theirs[fixture.name] ?? []))
                return (fixture.name, pairs.map { Outcome(request: $0, ours: $1.0, theirs: $1.1) })
            })
    }
}
