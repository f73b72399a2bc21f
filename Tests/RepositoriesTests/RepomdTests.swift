import Diagnostics
import Model
import Testing

@testable import Repositories

@Suite("repomd.xml")
struct RepomdTests {
    private let digest = String(repeating: "ab", count: 32)

    private func document(_ records: String, revision: String = "7") -> [UInt8] {
        Array(
            "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>\(revision)</revision>\(records)</repomd>".utf8)
    }

    private func record(_ type: String, href: String = "repodata/p.xml.gz", checksum: String = "sha256") -> String {
        """
        <data type="\(type)"><checksum type="\(checksum)">\(digest)</checksum><open-checksum type="sha256">\(digest)</open-checksum>
        <location href="\(href)"/><timestamp>1407876163.58</timestamp><size>12</size><open-size>34</open-size></data>
        """
    }

    @Test("records carry type, location, digests, sizes and time")
    func parses() throws {
        let repomd = try Repomd(parsing: document(record("primary") + record("other")), source: "repomd.xml")
        #expect(repomd.revision == "7")
        #expect(repomd.timestamp == 1_407_876_163)
        let primary = try #require(repomd["primary"])
        #expect(primary.location == "repodata/p.xml.gz")
        #expect(primary.checksum == ContentDigest(.sha256, hex: digest))
        #expect(primary.openChecksum == ContentDigest(.sha256, hex: digest))
        #expect((primary.size, primary.openSize) == (12, 34))
    }

    @Test(
        "a location that leads out of the repository is refused",
        arguments: ["../../etc/passwd", "/etc/passwd", "repodata/%2e%2e/%2E%2e/x", "http://elsewhere/x", "a\\b", ""])
    func traversal(href: String) {
        let text = document(record("primary") + record("unheard-of", href: href))
        #expect { try Repomd(parsing: text, source: "repomd.xml") } throws: {
            ($0 as? ProvisionError)?.code == .verification
        }
    }

    @Test("a digest of an unknown kind fails where the file is needed, and only there")
    func unknownDigest() throws {
        #expect(throws: ProvisionError.self) {
            try Repomd(parsing: document(record("primary", checksum: "crc32")), source: "repomd.xml")
        }
        let repomd = try Repomd(
            parsing: document(record("primary") + record("prestodelta", checksum: "crc32")), source: "repomd.xml")
        #expect(repomd.records.count == 1)
    }

    @Test(
        "what is not an index is refused",
        arguments: ["<html><body>Log in first</body></html>", "", "not XML", "<repomd></repomd>"])
    func noIndex(text: String) {
        #expect(throws: ProvisionError.self) { try Repomd(parsing: Array(text.utf8), source: "repomd.xml") }
    }

    @Test("truncation at any point is refused")
    func truncated() throws {
        let whole = document(record("primary"))
        for length in stride(from: 0, to: whole.count - 1, by: 7) {
            #expect(throws: ProvisionError.self) { try Repomd(parsing: Array(whole.prefix(length)), source: "repomd.xml") }
        }
    }

    @Test("an entity declaration stops the parser")
    func entities() {
        let bomb = """
            <!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
            <repomd><revision>&b;</revision></repomd>
            """
        #expect { try Repomd(parsing: Array(bomb.utf8), source: "repomd.xml") } throws: { error in
            (error as? ProvisionError)?.message.contains("entities") == true
        }
    }

    @Test("nesting and text have their bounds")
    func bounds() {
        let deep = String(repeating: "<a>", count: 100_000)
        #expect { try Repomd(parsing: Array(deep.utf8), source: "x") } throws: { "\($0)".contains("nested too deeply") }
        let long = "<repomd><revision>" + String(repeating: "1", count: 2 << 20)
        #expect { try Repomd(parsing: Array(long.utf8), source: "x") } throws: { "\($0)".contains("too long") }
    }

    @Test("older is what has an older timestamp, or a smaller numeric revision")
    func age() throws {
        let repomd = try Repomd(parsing: document(record("primary"), revision: "10"), source: "x")
        #expect(!repomd.isOlder(thanRevision: "10", timestamp: repomd.timestamp))
        #expect(!repomd.isOlder(thanRevision: "9", timestamp: 5))
        #expect(repomd.isOlder(thanRevision: "11", timestamp: 5))
        #expect(repomd.isOlder(thanRevision: "1", timestamp: repomd.timestamp + 1))
        #expect(!repomd.isOlder(thanRevision: "9-stream", timestamp: 5))
    }
}
