import Diagnostics
import Model
import System
import SystemPackage
import Testing

@testable import Patches

@Suite("links in a hostile root never lead to the host")
struct HostileRootTests {
    /// A file of the host that each patch would change if it got there.
    static let victim = "session required pam_selinux.so\n0123456789abcdef0123456789abcdef\nroot:*:1::::::\ngpgcheck=1\n"

    /// As many `..` as lead out of anywhere.
    static let climb = String(repeating: "../", count: 30)

    @Test("an absolute link, a climbing link and a linked directory stay inside", arguments: shippedNames)
    func links(_ name: String) throws {
        let root = try FakeRoot()
        let file = root.host.appending("victim")
        try Files.write(Self.victim, to: file)
        let targets = [file.string, Self.climb + file.string.dropFirst(), root.host.string]
        for target in targets {
            for place in [
                "/etc/pam.d/login", "/etc/machine-id", "/etc/securetty", "/etc/resolv.conf", "/etc/shadow",
                "/etc/yum.repos.d/x.repo",
            ] {
                try root.link(place, to: target)
            }
            // What is inside may fail for want of the file, but the host isn't touched.
            do {
                _ = try root.apply(name, value: name == "root-password" ? "x" : nil)
            } catch let error as ProvisionError {
                #expect(error.code == .failed)
            }
            #expect(try Files.readText(file) == Self.victim)
            #expect(try Files.names(in: root.host) == ["victim"])
        }
    }

    @Test("a linked /etc is the root's own", arguments: shippedNames)
    func linkedDirectory(_ name: String) throws {
        let root = try FakeRoot()
        for path in ["pam.d/login", "machine-id", "securetty", "shadow", "yum.repos.d/x.repo"] {
            let file = root.host.appending(path)
            try Files.makeDirectory(file.removingLastComponent())
            try Files.write(Self.victim, to: file)
        }
        try root.link("/etc", to: Self.climb + root.host.string.dropFirst())
        do {
            _ = try root.apply(name, value: name == "root-password" ? "x" : nil)
        } catch let error as ProvisionError {
            #expect(error.code == .failed)
        }
        for path in ["pam.d/login", "machine-id", "securetty", "shadow", "yum.repos.d/x.repo"] {
            #expect(try Files.readText(root.host.appending(path)) == Self.victim)
        }
        #expect(!Files.exists(root.host.appending("resolv.conf")))
    }

    @Test("links inside the root are followed: the file they lead to is edited, the link stays")
    func innerLink() throws {
        let root = try FakeRoot(["usr/share/pam/login": "session required pam_selinux.so\nauth required pam_unix.so\n"])
        try root.link("/etc/pam.d/login", to: "/usr/share/pam/login")
        #expect(try root.apply("pam-selinux").detail == "/etc/pam.d/login: 1 line removed")
        #expect(try root.status("etc/pam.d/login")?.kind == .link)
        #expect(try root.read("usr/share/pam/login") == "auth required pam_unix.so\n")
    }

    @Test("a pipe among the files doesn't stop the work, nor does a link that leads to itself")
    func pipe() throws {
        let root = try FakeRoot(["etc/pam.d/login": "session required pam_selinux.so\n"])
        try runChecked(["mkfifo", root.path.appending("etc/pam.d/pipe").string])
        try root.link("/etc/pam.d/loop", to: "loop")
        #expect(try root.apply("pam-selinux").detail == "/etc/pam.d/login: 1 line removed")
    }
}
