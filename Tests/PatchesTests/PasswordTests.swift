import Diagnostics
import Model
import System
import Testing

@testable import Patches

@Suite("root-password")
struct PasswordTests {
    static let shadow = "root:*:0:0:99999:7:::\nbin:*:18353:0:99999:7:::\n"

    @Test("the password is hashed with SHA-512, other users stay, and no change at the first login is asked for")
    func hashing() throws {
        let root = try FakeRoot(["etc/shadow": Self.shadow])
        let report = try root.apply("root-password", value: "correct horse")
        #expect(report.detail == "/etc/shadow: password of root set")
        let text = try #require(try root.read("etc/shadow"))
        let fields = text.split(separator: "\n")[0].split(separator: ":", omittingEmptySubsequences: false)
        #expect(fields[1].hasPrefix("$6$"))
        #expect(fields[2] == "")
        #expect(text.hasSuffix("\nbin:*:18353:0:99999:7:::\n"))
        // openssl agrees that it is that password's hash.
        let salt = String(fields[1].split(separator: "$")[1])
        let expected = try runChecked(["openssl", "passwd", "-6", "-salt", salt, "correct horse"]).text
        #expect(expected == fields[1] + "\n")
    }

    @Test("the same password again changes nothing, another one does")
    func again() throws {
        let root = try FakeRoot(["etc/shadow": Self.shadow])
        _ = try root.apply("root-password", value: "one")
        let first = try root.read("etc/shadow")
        #expect(try root.apply("root-password", value: "one").detail == "root has that password already")
        #expect(try root.read("etc/shadow") == first)
        #expect(try root.apply("root-password", value: "two").outcome == .applied)
        #expect(try root.read("etc/shadow") != first)
    }

    @Test("a hash is taken as it is")
    func givenHash() throws {
        let root = try FakeRoot(["etc/shadow": Self.shadow])
        _ = try root.apply("root-password", value: "$6$salt$hash")
        #expect(try root.read("etc/shadow")?.hasPrefix("root:$6$salt$hash::0:") == true)
    }

    @Test("the file's mode stays")
    func mode() throws {
        let root = try FakeRoot()
        try root.write("etc/shadow", Self.shadow, mode: 0o600)
        _ = try root.apply("root-password", value: "x")
        #expect(try root.status("etc/shadow")?.mode == 0o600)
    }

    @Test("values that can be no password are refused without being repeated", arguments: ["", "a\nb", "$6", "$6$salt$ha:sh"])
    func refused(_ value: String) throws {
        let root = try FakeRoot(["etc/shadow": Self.shadow])
        let error = try failure { try root.apply("root-password", value: value) }
        #expect(error.code == .usage)
        #expect(value.isEmpty || !error.description.contains(value))
        #expect(try root.read("etc/shadow") == Self.shadow)
    }

    @Test("a user or a file that isn't there is an error")
    func missing() throws {
        let noUser = try FakeRoot(["etc/shadow": "bin:*:1::::::\n"])
        #expect(
            try failure { try noUser.apply("root-password", value: "x") }.message
                == "patch \"root-password\": cannot set the password of \"root\": no such user in /etc/shadow")
        let noFile = try FakeRoot()
        #expect(try failure { try noFile.apply("root-password", value: "x") }.message.hasSuffix("/etc/shadow is not there"))
    }
}
