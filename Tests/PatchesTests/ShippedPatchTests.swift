import Diagnostics
import Model
import System
import Testing

@testable import Patches

@Suite("the shipped patches do what they say, once")
struct ShippedPatchTests {
    static let login = """
        #%PAM-1.0
        auth       substack     system-auth
        # pam_selinux.so close should be the first session rule
        session    required     pam_selinux.so close
        session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_selinux.so open
        -session   optional     /lib64/security/pam_selinux.so nottys
        session    required     pam_loginuid.so
        session    optional     pam_keyinit.so force revoke
        # pam_selinux.so is spoken of in other comments, which may go on

        """

    @Test("pam-selinux goes from every service, in all forms, with its comments and nothing else")
    func pamSELinux() throws {
        let root = try FakeRoot([
            "etc/pam.d/login": Self.login, "etc/pam.d/sshd": "session required pam_selinux.so close\n",
            "etc/pam.d/su": "auth sufficient pam_rootok.so\n", "etc/pam.d/login.rpmnew": Self.login,
        ])
        let report = try root.apply("pam-selinux")
        #expect(
            report
                == PatchReport(
                    name: "pam-selinux", outcome: .applied,
                    detail: "/etc/pam.d/login: 4 lines removed, /etc/pam.d/sshd: 1 line removed"))
        #expect(
            try root.read("etc/pam.d/login") == """
                #%PAM-1.0
                auth       substack     system-auth
                session    required     pam_loginuid.so
                session    optional     pam_keyinit.so force revoke
                # pam_selinux.so is spoken of in other comments, which may go on

                """)
        #expect(try root.read("etc/pam.d/sshd") == "")
        #expect(try root.read("etc/pam.d/login.rpmnew") == Self.login)
        #expect(
            try root.apply("pam-selinux")
                == PatchReport(name: "pam-selinux", outcome: .notNeeded, detail: "no line to remove in /etc/pam.d/*"))
    }

    @Test("pam-loginuid goes from every service")
    func pamLoginUID() throws {
        let root = try FakeRoot(["etc/pam.d/login": Self.login, "etc/pam.d/crond": "session\trequired\tpam_loginuid.so\n"])
        #expect(
            try root.apply("pam-loginuid").detail == "/etc/pam.d/crond: 1 line removed, /etc/pam.d/login: 1 line removed")
        #expect(try root.read("etc/pam.d/login")?.contains("pam_loginuid") == false)
        #expect(try root.read("etc/pam.d/login")?.contains("pam_selinux") == true)
        #expect(try root.apply("pam-loginuid").outcome == .notNeeded)
    }

    @Test("a root without PAM needs no PAM patch, and the report says why")
    func noPAM() throws {
        let root = try FakeRoot()
        #expect(
            try root.apply("pam-selinux")
                == PatchReport(name: "pam-selinux", outcome: .notNeeded, detail: "/etc/pam.d/* is not there"))
    }

    @Test("gpgcheck is switched off in each repository file, whatever its spelling")
    func gpgcheck() throws {
        let root = try FakeRoot([
            "etc/yum.repos.d/a.repo": "[a]\ngpgcheck=1\nrepo_gpgcheck=1\n[b]\nGPGCheck = True \n[c]\ngpgcheck=0\n",
            "etc/yum.repos.d/README": "gpgcheck=1\n",
        ])
        #expect(try root.apply("gpgcheck").detail == "/etc/yum.repos.d/a.repo: 2 lines changed")
        #expect(
            try root.read("etc/yum.repos.d/a.repo")
                == "[a]\ngpgcheck=0\nrepo_gpgcheck=1\n[b]\nGPGCheck = 0\n[c]\ngpgcheck=0\n")
        #expect(try root.read("etc/yum.repos.d/README") == "gpgcheck=1\n")
        #expect(try root.apply("gpgcheck").outcome == .notNeeded)
    }

    @Test("the machine id is emptied, not removed, and D-Bus's copy goes")
    func machineID() throws {
        let id = "0123456789abcdef0123456789abcdef\n"
        let root = try FakeRoot(["etc/machine-id": id, "var/lib/dbus/machine-id": id])
        #expect(
            try root.apply("machine-id").detail == "/etc/machine-id: emptied, /var/lib/dbus/machine-id: removed")
        #expect(try root.read("etc/machine-id") == "")
        #expect(try root.status("etc/machine-id")?.mode == 0o444)
        #expect(try root.status("var/lib/dbus/machine-id") == nil)
        #expect(try root.apply("machine-id").outcome == .notNeeded)
    }

    @Test("D-Bus's link to the machine id stays")
    func machineIDLink() throws {
        let root = try FakeRoot(["etc/machine-id": "0123456789abcdef0123456789abcdef\n"])
        try root.link("/var/lib/dbus/machine-id", to: "/etc/machine-id")
        #expect(try root.apply("machine-id").detail == "/etc/machine-id: emptied")
        #expect(try root.status("var/lib/dbus/machine-id")?.kind == .link)
    }

    @Test("a machine id that is missing is made where systemd would take the boot for a first one, and only there")
    func missingMachineID() throws {
        let without = try FakeRoot()
        #expect(try without.apply("machine-id").outcome == .notNeeded)
        #expect(try without.status("etc/machine-id") == nil)
        let with = try FakeRoot(["usr/lib/systemd/systemd": ""])
        #expect(try with.apply("machine-id").detail == "/etc/machine-id: made")
        #expect(try with.read("etc/machine-id") == "")
    }

    @Test("securetty gets the lines that it lacks, and isn't made where it is missing")
    func securetty() throws {
        let root = try FakeRoot(["etc/securetty": "console\ntty1"])
        #expect(try root.apply("securetty").detail == "/etc/securetty: 4 lines added")
        #expect(try root.read("etc/securetty") == "console\ntty1\npts/0\npts/1\npts/2\npts/3\n")
        #expect(try root.apply("securetty").outcome == .notNeeded)
        let modern = try FakeRoot()
        #expect(try modern.apply("securetty").detail == "/etc/securetty is not there")
        #expect(try modern.status("etc/securetty") == nil)
    }

    @Test("a dangling resolv.conf becomes a plain file; nothing is made at the end of the link")
    func danglingResolvConf() throws {
        let root = try FakeRoot(["etc/hosts": ""])
        try root.link("/etc/resolv.conf", to: "../run/systemd/resolve/stub-resolv.conf")
        #expect(try root.apply("resolv-conf").detail == "/etc/resolv.conf: removed, /etc/resolv.conf: made")
        #expect(try root.status("etc/resolv.conf")?.kind == .file)
        #expect(try root.read("etc/resolv.conf")?.hasPrefix("#") == true)
        #expect(try root.status("run") == nil)
        #expect(try root.apply("resolv-conf").outcome == .notNeeded)
    }

    @Test("a missing resolv.conf is made, one that says something stays")
    func resolvConf() throws {
        let missing = try FakeRoot()
        #expect(try missing.apply("resolv-conf").detail == "/etc/resolv.conf: made")
        let written = try FakeRoot(["etc/resolv.conf": "nameserver 192.0.2.1\n"])
        #expect(try written.apply("resolv-conf").detail == "/etc/resolv.conf is there")
        #expect(try written.read("etc/resolv.conf") == "nameserver 192.0.2.1\n")
    }

    @Test("every shipped patch is well-formed, and those that containers need are on by default")
    func declarations() throws {
        #expect(try shippedPatches.ids() == shippedNames)
        let defaults = try shippedNames.filter { try shippedPatches.load($0).isDefault }
        #expect(defaults == ["machine-id", "pam-loginuid", "pam-selinux", "resolv-conf", "securetty"])
        for name in shippedNames { #expect(try shippedPatches.load(name).why.contains("\n")) }
    }
}
