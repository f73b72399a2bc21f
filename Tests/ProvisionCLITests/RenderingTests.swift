import Model
import Provisioning
import Testing

@testable import ProvisionCLI

@Suite("What people read")
struct RenderingTests {
    @Test("a table is cut at the terminal's edge, and not at all for a file")
    func table() {
        var table = Table([("NAME", .left), ("SUMMARY", .left)])
        table.add(["one", "a summary that is longer than the line"])
        #expect(table.rendered(width: 20).split(separator: "\n").map(\.count) == [13, 20])
        #expect(table.rendered().hasSuffix("longer than the line"))
    }

    @Test("running text is filled, lists and paragraphs keep their lines")
    func paragraphsOfText() {
        #expect(paragraphs(of: "one\ntwo\n\nthree\n * item\n * item") == ["one two", "", "three", " * item", " * item"])
        #expect(wrapped("one two three", to: 8) == ["one two", "three"])
        #expect(wrapped("incomprehensible", to: 8) == ["incomprehensible"])
    }
}
