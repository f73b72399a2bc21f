import System
import SystemPackage
import Testing

@testable import Containers

@Suite struct GuestUserTests {
    private func user(_ text: String) throws -> GuestUser {
        let directory = try TemporaryDirectory()
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken:x:1\nweb:x:48:47:Web:/srv:\n"
        try Files.makeDirectory(directory.path.appending("etc"))
        try Files.write(passwd, to: directory.path.appending("etc/passwd"))
        try Files.write("root:x:0:\nweb:x:47:\nlogs:x:190:adm,web\nten:x:10:web\n", to: directory.path.appending("etc/group"))
        return try GuestUser(text, in: RootedDirectory(directory.path))
    }

    @Test("a name brings its group, the groups that list it, and an own or a default shell") func named() throws {
        let web = try user("web")
        #expect(web.identity == ProcessIdentity(user: 48, group: 47, groups: [47, 190, 10]))
        #expect(web.home == "/srv" && web.shell == "/bin/sh" && web.name == "web")
        #expect(try user("root").shell == "/bin/bash")
        #expect(try user("48") == web)
    }

    @Test("a number that nobody has is taken as it is; a group given with it replaces all") func numbers() throws {
        #expect(try user("4711").identity == ProcessIdentity(user: 4711, group: 4711, groups: [4711]))
        #expect(try user("web:logs").identity == ProcessIdentity(user: 48, group: 190, groups: [190]))
        #expect(try user("0:5").identity == ProcessIdentity(user: 0, group: 5, groups: [5]))
    }

    @Test("unknown names are errors, and a line of another form is nobody") func unknown() {
        for text in ["broken", "nobody", "web:nogroup", ""] { #expect(throws: (any Error).self) { try user(text) } }
    }
}
