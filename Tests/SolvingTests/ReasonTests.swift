import Model
import Solving
import Testing

@Suite("Why a package is there")
struct ReasonTests {
    private func reasons(_ solution: Solution) -> [String: Reason] {
        Dictionary(uniqueKeysWithValues: solution.plan.packages.map { ($0.nevra.name, $0.reason) })
    }

    @Test("what was asked for says so, and the rest names the capability and who needs it, by the shortest way")
    func shortest() throws {
        let fixture = try Fixture(
            .init("app", requires: ["lib", "deep"]), .init("lib", requires: ["base"]), .init("deep", requires: ["lib"]),
            .init("base", "2-1"), .init("tool", requires: ["base >= 1"]))
        let reasons = reasons(try fixture.solve("app"))
        #expect(reasons["app"] == .requested(spec: "app"))
        #expect(reasons["lib"] == .requires(capability: "lib", by: "app-1-1.noarch"))
        #expect(reasons["deep"] == .requires(capability: "deep", by: "app-1-1.noarch"))
        #expect(reasons["base"] == .requires(capability: "base", by: "lib-1-1.noarch"))
    }

    @Test("a package asked for by name and needed by another was asked for")
    func requestedBeatsRequired() throws {
        let fixture = try Fixture(.init("app", requires: ["lib"]), .init("lib"))
        #expect(reasons(try fixture.solve("app", "lib"))["lib"] == .requested(spec: "lib"))
    }

    @Test("a group's member says which group, what it needs says so")
    func groups() throws {
        let fixture = try Fixture(.init("m", requires: ["n >= 1"]), .init("n", "3-1"))
        let solution = try fixture.solve { $0.groups = [RequestedGroup(id: "core", members: [.init("m")])] }
        #expect(reasons(solution)["m"] == .group(id: "core"))
        #expect(reasons(solution)["n"] == .requires(capability: "n >= 1", by: "m-1-1.noarch"))
    }

    @Test("recommended and supplementing packages say so, and what a recommended one needs names that one")
    func weak() throws {
        let fixture = try Fixture(
            .init("app", recommends: ["nice"]), .init("nice", requires: ["helper"]), .init("helper"),
            .init("extra", supplements: ["app"]))
        let reasons = reasons(try fixture.solve("app") { $0.weakDependencies = true })
        #expect(reasons["nice"] == .recommended(capability: "nice", by: "app-1-1.noarch"))
        #expect(reasons["helper"] == .requires(capability: "helper", by: "nice-1-1.noarch"))
        #expect(reasons["extra"] == .recommended(capability: "app", by: "app-1-1.noarch"))
    }

    @Test("a rich dependency is named as it is written")
    func rich() throws {
        let fixture = try Fixture(.init("app", requires: ["(missing or b)"]), .init("b"))
        #expect(
            reasons(try fixture.solve("app"))["b"] == .requires(capability: "(missing or b)", by: "app-1-1.noarch"))
    }
}
