import Diagnostics
import Model
import Testing

@testable import Provisioning

struct RpmVerifierTests {
    @Test("lines of rpm -Va become words: flags, kind and path")
    func lines() throws {
        let text = """
            S.5....T.  c /etc/securetty
            .M...UG.P    /usr/bin/my file
            missing   d /usr/share/doc/x
            missing     /root/secret (Permission denied)
            ..?......    /etc/shadow
            Unsatisfied dependencies for web-1-1.x86_64:
            \tlibweb.so.1 is needed by (installed) web-1-1.x86_64
            .......T.  g /var/log/x

            """
        let (files, dependencies) = try RpmVerifier.parse(text)
        #expect(
            files == [
                .init(path: "/etc/securetty", differs: ["size", "content", "time"], kind: "configuration"),
                .init(path: "/usr/bin/my file", differs: ["mode", "owner", "group", "capabilities"]),
                .init(path: "/usr/share/doc/x", differs: ["missing"], kind: "documentation"),
                .init(path: "/root/secret", differs: ["missing"]),
                .init(path: "/etc/shadow", differs: ["unreadable"]),
                .init(path: "/var/log/x", differs: ["time"], kind: "ghost"),
            ])
        #expect(dependencies == ["web-1-1.x86_64: libweb.so.1 is needed by (installed) web-1-1.x86_64"])
    }

    @Test(
        "a line that isn't rpm's is an error, not passed over",
        arguments: ["warning: what", "S.5....T /etc/x", "S.5...XT.  c /etc/x", "S.5....T.  z /etc/x"])
    func unknown(_ line: String) {
        #expect(throws: ProvisionError.self) { _ = try RpmVerifier.parse(line) }
    }

    @Test("a patch's report tells which paths it changed")
    func patches() {
        let report = PatchReport(
            name: "p", outcome: .applied, detail: "/etc/pam.d/login: 1 line changed, /etc/pam.d/sshd: made a link to a, b")
        #expect(VerifyAnswer.paths(changedBy: report) == ["/etc/pam.d/login", "/etc/pam.d/sshd"])
    }
}
