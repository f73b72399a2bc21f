import Diagnostics
import Model
import System
import SystemPackage
import Testing

@testable import Patches

@Suite("edits")
struct EditTests {
    @Test("bytes that aren't UTF-8 and a missing last newline stay as they are")
    func bytes() throws {
        let root = try FakeRoot()
        let original: [UInt8] = Array("# caf".utf8) + [0xE9] + Array("\ndrop\nkey=1 ".utf8) + [0xFC] + Array("\nlast".utf8)
        try Files.makeDirectory(root.path.appending("etc"))
        try Files.write(original, to: root.path.appending("etc/f"))
        let report = try root.apply(
            edits: """
                [[edit]]
                action = "delete-lines"
                paths = ["/etc/f"]
                matching = '^drop$'
                [[edit]]
                action = "replace"
                paths = ["/etc/f"]
                matching = '^(key)=(\\d)'
                with = '\\2=\\1\\\\'
                """)
        #expect(report.detail == "/etc/f: 1 line removed, /etc/f: 1 line changed")
        let expected: [UInt8] = Array("# caf".utf8) + [0xE9] + Array("\n1=key\\ ".utf8) + [0xFC] + Array("\nlast".utf8)
        #expect(try Files.read(root.path.appending("etc/f")) == expected)
    }

    @Test("a rehearsal changes nothing, and what came after it is changed all the same")
    func rehearsal() throws {
        let root = try FakeRoot(["etc/f": "drop\nkeep\n", "etc/g": "keep\n"])
        let edits = """
            [[edit]]
            action = "delete-lines"
            paths = ["/etc/*"]
            matching = '^drop'
            [[edit]]
            action = "replace"
            paths = ["/etc/*"]
            matching = '^(k)eep$'
            with = '\\1ept'
            """
        let application = PatchApplication([(try patch(edits), nil)])
        application.rehearse(in: root.path)
        #expect(try root.read("etc/f") == "drop\nkeep\n")
        // A line that was looked at elsewhere, and one that wasn't there yet.
        try root.write("etc/g", "keep\ndrop\ndropped\nother\n")
        let report = try #require(try application.apply(to: root.path).first)
        #expect(
            report.detail
                == "/etc/f: 1 line removed, /etc/g: 2 lines removed, /etc/f: 1 line changed, /etc/g: 1 line changed")
        #expect(try root.read("etc/f") == "kept\n")
        #expect(try root.read("etc/g") == "kept\nother\n")
    }

    @Test("mode and owner of an edited file stay")
    func mode() throws {
        let root = try FakeRoot()
        try root.write("etc/f", "a\nb\n", mode: 0o640)
        _ = try root.apply(edits: "[[edit]]\naction = \"delete-lines\"\npaths = [\"/etc/f\"]\nmatching = \"a\"")
        #expect(try root.status("etc/f")?.mode == 0o640)
    }

    @Test("chmod, link and remove do their work once and say so")
    func others() throws {
        let root = try FakeRoot(["etc/a.conf": "", "etc/b.conf": "", "etc/c": ""])
        let edits = """
            [[edit]]
            action = "chmod"
            paths = ["/etc/?.conf"]
            mode = "0600"
            [[edit]]
            action = "link"
            path = "/etc/l"
            target = "c"
            [[edit]]
            action = "remove"
            paths = ["/etc/a.*", "/etc/zzz"]
            when = { exists = "/etc/c" }
            """
        #expect(
            try root.apply(edits: edits)
                == PatchReport(
                    name: "test", outcome: .applied,
                    detail: "/etc/a.conf: mode 600, /etc/b.conf: mode 600, /etc/l: made a link to c, /etc/a.conf: removed"))
        #expect(
            try root.apply(edits: edits)
                == PatchReport(
                    name: "test", outcome: .notNeeded,
                    detail: "the mode is 600 already, /etc/l leads to c already, /etc/a.*, /etc/zzz is not there"))
    }

    @Test(
        "conditions: exists, missing, contains",
        arguments: [
            ("exists = \"/f\"", true), ("exists = \"/g\"", false), ("missing = \"/g\"", true), ("missing = \"/f\"", false),
            ("file = \"/f\", contains = '^two$'", true), ("file = \"/f\", contains = '^tw$'", false),
            ("file = \"/g\", contains = 'x'", false), ("exists = \"/f\", missing = \"/f\"", false),
        ])
    func conditions(_ when: String, _ holds: Bool) throws {
        let root = try FakeRoot(["f": "one\ntwo\n"])
        let edit = "[[edit]]\naction = \"write\"\npath = \"/made\"\ncontent = \"x\"\nmode = \"0644\"\nwhen = { \(when) }"
        #expect(try root.apply(edits: edit).outcome == (holds ? .applied : .notNeeded))
        #expect(try root.read("made") == (holds ? "x" : nil))
    }

    static let mistakes: [(text: String, message: String, hint: String)] = [
        ("[[edit]]\naction = \"delete-line\"", "test.toml:5: \"delete-line\" is no value of \"action\"", "\"delete-lines\""),
        ("[[edit]]\naction = \"remove\"\npath = \"/x\"", "test.toml:6: \"path\" means nothing to \"remove\"", "paths"),
        ("[[edit]]\naction = \"remove\"\npaths = [\"x\"]", "test.toml:6: \"x\" is not an absolute path", ""),
        ("[[edit]]\naction = \"remove\"\npaths = [\"/../x\"]", "test.toml:6: \"/../x\" is not an absolute path", ""),
        ("[[edit]]\naction = \"remove\"\npahts = [\"/x\"]", "test.toml:6: unknown key \"pahts\"", "\"paths\""),
        ("[[edit]]\naction = \"delete-lines\"\npaths = [\"/x\"]\nmatching = '('", "test.toml:7: \"(\" is not a regular", ""),
        ("[[edit]]\naction = \"chmod\"\npaths = [\"/x\"]\nmode = \"0999\"", "test.toml:7: \"0999\" is not a mode", "octal"),
        (
            "[[edit]]\naction = \"remove\"\npaths = [\"/x\"]\nwhen = { exist = \"/y\" }", "test.toml:7: unknown key \"exist\"",
            "\"exists\""
        ),
        ("[[edit]]\naction = \"remove\"\npaths = [\"/x\"]\nwhen = { file = \"/y\" }", "go together", ""),
        ("[[edit]]\naction = \"set-password\"\nuser = \"root\"", "\"set-password\" needs the key \"value\"", ""),
        ("", "there is no [[edit]]", ""),
    ]

    @Test("a wrong declaration is refused with its line", arguments: mistakes)
    func mistake(_ text: String, _ message: String, _ hint: String) throws {
        let error = try failure { try patch(text) }
        #expect(error.code == .configuration)
        #expect(error.message.contains(message), "\(error.message)")
        #expect(hint.isEmpty || error.hint?.contains(hint) == true, "the hint is \(error.hint ?? "missing")")
    }

    @Test("a failing edit names its patch")
    func failingEdit() throws {
        let root = try FakeRoot(["dir/file": ""])
        let error = try failure { try root.apply(edits: "[[edit]]\naction = \"remove\"\npaths = [\"/dir\"]") }
        #expect(error.message.hasPrefix("patch \"test\": cannot remove"))
    }
}
