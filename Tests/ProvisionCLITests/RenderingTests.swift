import Diagnostics
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

    @Test("what strangers wrote can't move the cursor, colour the screen or turn the text around")
    func printable() {
        #expect("a\u{1B}]0;x\u{07}b\u{9B}31m\u{202E}c".printable == "a?]0;x?b?31m?c")
        #expect("Größe\n\tzwei".printable == "Größe\n\tzwei")
        #expect("one\ntwo".printableLine == "one?two")
        var table = Table([("NAME", .left)])
        table.add(["a\u{1B}[31m\nb"])
        #expect(table.rendered() == "NAME\na?[31m?b")
    }

    @Test("running text is filled, lists and paragraphs keep their lines")
    func paragraphsOfText() {
        #expect(paragraphs(of: "one\ntwo\n\nthree\n * item\n * item") == ["one two", "", "three", " * item", " * item"])
        #expect(wrapped("one two three", to: 8) == ["one two", "three"])
        #expect(wrapped("incomprehensible", to: 8) == ["incomprehensible"])
    }

    @Test("a phase's line fits every terminal, and leaves out the least telling first", arguments: 12...200)
    func progressLine(width: Int) {
        let terminal = Terminal(color: .never)
        var line = ProgressLine(phase: .download, total: 66_000_000, completed: 33_000_000, first: 0)
        line.item = "device-mapper-libs-1.02.185-2.demo12.x86_64"
        let text = line.rendered(elapsed: .seconds(11), width: width, terminal)
        #expect(text.count <= max(11, width - 1) && !text.contains("\n"))
        if width >= 20 { #expect(text.contains(" 50%")) }
        if width >= 37 { #expect(text.contains("31 MiB of 63 MiB")) }
        if width >= 80 { #expect(text.contains("2.9 MiB/s, 11 s left")) }
        if width >= 160 { #expect(text.hasSuffix("  device-mapper-libs-1.02.185-2.demo12.x86_64")) }
        line.total = nil
        #expect(line.rendered(elapsed: .zero, width: width, terminal).count <= max(11, width - 1))
    }

    @Test("how long the rest takes is told of bytes that are still to come, by what came since the start")
    func speed() {
        let terminal = Terminal(color: .never)
        func text(_ line: ProgressLine, _ time: Duration) -> String { line.rendered(elapsed: time, width: 200, terminal) }
        // Half of it was there before.
        let resumed = ProgressLine(phase: .download, total: 4 << 20, completed: 3 << 20, first: 2 << 20)
        #expect(text(resumed, .seconds(2)).hasSuffix("512 KiB/s, 2 s left"))
        #expect(!text(resumed, .milliseconds(10)).contains("left"))
        #expect(!text(ProgressLine(phase: .download, total: 4, completed: 4, first: 0), .seconds(2)).contains("left"))
        #expect(!text(ProgressLine(phase: .install, total: 4, completed: 2, first: 0), .seconds(2)).contains("left"))
    }
}
