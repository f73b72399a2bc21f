import Diagnostics
import Model
import System
import SystemPackage
import Testing

@testable import Provisioning

@Suite("Locks as files")
struct LockFileTests {
    @Test("what is written is read back, with every kind of reason and awkward text")
    func roundTrip() throws {
        let needed = Reason.requires(capability: "lib(\"x\\y\")", by: "bash-1-1.noarch")
        var awkward = package("lib-2:1~rc1^git-3.x86_64", needed)
        awkward.locationBase = "https://elsewhere/x"
        let lock = sampleLock(
            package("bash-1-1.noarch"), awkward, package("core-1-1.noarch", .group(id: "core")),
            package("weak-1-1.noarch", .recommended(capability: "weak", by: "bash-1-1.noarch")))
        let read = try LockFile(parsing: lock.text, path: "test.lock")
        #expect(read == lock)
        #expect(read.text == lock.text)
        #expect(read.digest == lock.digest)
    }

    @Test("groups, environments and module streams are read back; a lock of format 1 has none")
    func selection() throws {
        var selection = Selection()
        selection.kinds = [.mandatory, .default]
        selection.groups = [.init(id: "core", name: "Core \"all\"", members: [.mandatory: ["a", "b"], .optional: ["c"]])]
        selection.environments = [.init(id: "minimal", name: "Minimal", groups: ["core"], options: ["ftp"])]
        selection.modules = [.init(name: "nodejs", stream: "18", profiles: ["common"], members: ["npm"])]
        var lock = sampleLock(package("a-1-1.noarch", .group(id: "core")))
        let plain = try LockFile(parsing: lock.text.replacing("format = 2", with: "format = 1"), path: "old.lock")
        #expect(plain == lock && plain.selection.isEmpty)
        lock.selection = selection
        let read = try LockFile(parsing: lock.text, path: "test.lock")
        #expect(read == lock && read.text == lock.text)
        #expect(read.digest != plain.digest)
    }

    @Test("the order of the plan doesn't show: packages are sorted")
    func sorted() {
        let (a, b) = (package("a-1-1.noarch"), package("b-1-1.noarch"))
        #expect(sampleLock(a, b).text == sampleLock(b, a).text)
    }

    @Test("comments and blank lines don't change a lock's digest, another package does")
    func digest() throws {
        let lock = sampleLock(package("a-1-1.noarch"))
        let commented = try LockFile(parsing: "# ours\n\n" + lock.text, path: "test.lock")
        #expect(commented.digest == lock.digest)
        #expect(sampleLock(package("a-1-2.noarch")).digest != lock.digest)
    }

    @Test(
        "a lock that says something unknown or impossible is refused with its line",
        arguments: [
            ("size = 1000", "size = \"big\"", "expected a whole number"),
            ("\ndigest = \"sha256:", "\ndigest = \"sha256:zz", "not a digest"),
            ("reason = \"requested\"", "reason = \"fate\"", "not a reason"),
            ("nevra = \"a-1-1.noarch\"", "nevra = \"a\"", "not a package"),
            ("location = ", "place = ", "unknown key \"place\""),
            ("kind = \"base\"", "kind = \"bass\"", "allowed are base, app"),
            ("format = 2", "format = 99", "a lock of format 99"), ("format = 2\n", "", "not a lock file"),
        ])
    func refused(old: String, new: String, words: String) throws {
        let text = sampleLock(package("a-1-1.noarch")).text.replacing(old, with: new)
        let error = #expect(throws: ProvisionError.self) { try LockFile(parsing: text, path: "test.lock") }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(error?.message.hasPrefix("test.lock") == true)
    }

    @Test("a request that was edited by hand is recognised")
    func edited() throws {
        let text = sampleLock().text.replacing("\"vim\"", with: "\"vi\"")
        let error = #expect(throws: ProvisionError.self) { try LockFile(parsing: text, path: "test.lock") }
        #expect(error?.message.contains("changed by hand") == true)
    }

    @Test("a missing lock says how to make one")
    func missing() {
        let error = #expect(throws: ProvisionError.self) { try LockFile(reading: "/nonexistent/provision.lock") }
        #expect(error?.code == .notFound)
        #expect(error?.hint?.contains("provision lock") == true)
    }
}
