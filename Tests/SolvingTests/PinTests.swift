import Diagnostics
import Model
import Solving
import Testing

@Suite("Packages that a lock holds in place")
struct PinTests {
    @Test("a pinned package keeps its version, others take the newest")
    func held() throws {
        let fixture = try Fixture(.init("a", "1-1"), .init("a", "2-1"), .init("b", "1-1"), .init("b", "2-1"))
        let pins = [NEVRA(name: "a", version: "1", release: "1", arch: "noarch")]
        #expect(try fixture.names("a", "b") { $0.pins = pins } == ["a-1-1.noarch", "b-2-1.noarch"])
    }

    @Test("what can't be had without moving a pinned package is refused, and the pin is named")
    func refused() throws {
        let fixture = try Fixture(.init("a", "1-1"), .init("a", "2-1"), .init("b", "2-1", requires: ["a >= 2"]))
        let pins = [NEVRA(name: "a", version: "1", release: "1", arch: "noarch")]
        let error = try #require(try fixture.refusal("b") { $0.pins = pins })
        #expect(error.causes.contains { $0.contains("held back: the lock has a-1-1.noarch") }, "\(error)")
    }
}
