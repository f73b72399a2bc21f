import Testing

@testable import Solving

@Suite("XML on its way to libsolv")
struct XMLGuardTests {
    /// What is said of a document that comes in pieces of `size` bytes.
    private func complaint(_ text: String, pieces size: Int) -> String? {
        var xml = XMLGuard()
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            if let complaint = piece.withUnsafeBytes({ xml.complaint(about: $0) }) { return complaint }
        }
        return nil
    }

    @Test("what stands in comments, values, CDATA and instructions is not taken for elements", arguments: [1, 2, 3, 7, 100])
    func harmless(size: Int) {
        let rest = [
            "<!-- <a> > -->", "<!---->", "<b x='<a>' y=\">/>\"/>", "<![CDATA[<a>]]]>", "<?xml <a> ?>", "<c></c>", "<d />",
        ]
        let text = String(repeating: rest.joined(), count: 100)
        #expect(complaint("<?xml version=\"1.0\"?><m>\(text)</m>", pieces: size) == nil)
    }

    @Test("depth is counted through all that may hide it", arguments: [1, 5, 1000])
    func depth(size: Int) {
        let tricks = ["<a>", "<a b='/>'>", "<a>/>", "<a><!-- </a> -->", "<a><![CDATA[</a>]]>", "<a\n>"]
        for trick in tricks {
            #expect(complaint(String(repeating: trick, count: XMLGuard.maximumDepth), pieces: size) == nil, "\(trick)")
            #expect(complaint(String(repeating: trick, count: XMLGuard.maximumDepth + 1), pieces: size) != nil, "\(trick)")
        }
    }

    @Test("a document type is refused", arguments: ["<!DOCTYPE a>", "<!ENTITY a \"b\">", "<![INCLUDE[", "<!-a"])
    func documentType(text: String) {
        #expect(complaint("<?xml version=\"1.0\"?>" + text, pieces: 1) != nil)
    }

    @Test("a text, a value or a comment without end is refused", arguments: ["<a>", "<a b='", "<!--", "<a "])
    func endless(start: String) {
        #expect(complaint(start + String(repeating: "x", count: XMLGuard.maximumRun + 5000), pieces: 4096) != nil)
    }
}
