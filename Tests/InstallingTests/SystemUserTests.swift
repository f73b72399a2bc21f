import Diagnostics
import System
import SystemPackage
import Testing

@testable import Installing

@Suite("Users that packages declare")
struct SystemUserTests {
    @Test(
        "lines of sysusers.d(5)",
        arguments: [
            (
                "u sshd 74 \"Privilege-separated SSH\" /usr/share/empty.sshd -",
                SystemUser.user(
                    name: "sshd", id: 74, group: nil, description: "Privilege-separated SSH", home: "/usr/share/empty.sshd",
                    shell: "/usr/sbin/nologin")
            ),
            (
                "u! web 70:80",
                .user(name: "web", id: 70, group: .id(80), description: "", home: "/", shell: "/usr/sbin/nologin")
            ),
            (
                "u a -:users 'x y'",
                .user(name: "a", id: nil, group: .name("users"), description: "x y", home: "/", shell: "/usr/sbin/nologin")
            ),
            ("g dialout 18", .group(name: "dialout", id: 18)),
            ("g dialout -", .group(name: "dialout", id: nil)),
            ("m web dialout", .membership(user: "web", group: "dialout")),
        ])
    func lines(line: String, expected: SystemUser) { #expect(SystemUser(line: line) == expected) }

    @Test(
        "what says nothing of users, or says it in a way that would break the files",
        arguments: ["", "# u x", "r - 500-900", "u", "u a:b -", "m a"])
    func others(line: String) { #expect(SystemUser(line: line) == nil) }

    @Test("they go into the root's own files, in free numbers from 999 downwards; what is there stays")
    func files() throws {
        let directory = try TemporaryDirectory()
        let root = try RootedDirectory(directory.path)
        try root.makeDirectory("/etc")
        try root.write("/etc/passwd", Array("root:x:0:0:root:/root:/bin/sh\nold:x:999:999::/:/bin/sh\n".utf8), mode: 0o644)
        try root.write("/etc/group", Array("root:x:0:\nold:x:999:\n".utf8), mode: 0o644)
        try root.write("/etc/shadow", Array("root:*:::::::\n".utf8), mode: 0o600)
        let lines = ["u web - \"Web\" /srv/web", "g logs 70", "m web logs", "u old 5", "u root 7"]
        let files = SystemUserFiles(root: try RootedDirectory(directory.path))
        for _ in 0..<2 { try files.add(lines.compactMap { SystemUser(line: $0) }) }
        #expect(
            try root.readText("/etc/passwd")
                == "root:x:0:0:root:/root:/bin/sh\nold:x:999:999::/:/bin/sh\nweb:x:998:998:Web:/srv/web:/usr/sbin/nologin\n")
        #expect(try root.readText("/etc/group") == "root:x:0:\nold:x:999:\nlogs:x:70:web\nweb:x:998:\n")
        #expect(try root.readText("/etc/shadow") == "root:*:::::::\nweb:!*:::::::\n")
        #expect(try root.readText("/etc/gshadow") == nil)
    }
}
