import Model
import System
import Testing

@testable import Provisioning

@Suite("What a lock was asked for")
struct LockRequestTests {
    @Test("without words of its own a build is for the lock's request, its options on top")
    func completed() {
        var asked = BuildRequest(kind: .base, name: "x")
        asked.settings = ["os.baseurl=https://mirror"]
        let request = sampleRequest().completing(asked)
        #expect(request.specs == ["bash", "vim"])
        #expect(request.groups == ["core"])
        #expect(request.withOptional)
        #expect(request.release == "demo")
        #expect(request.enabledRepositories == ["updates"])
        #expect(request.settings == ["os.priority=7", "os.baseurl=https://mirror"])
        #expect(request.name == "x")
    }

    @Test("with words of its own it stands for itself")
    func asTyped() {
        var asked = BuildRequest(kind: .base, name: "x")
        asked.specs = ["zsh"]
        let request = sampleRequest().completing(asked)
        #expect(request.specs == ["zsh"])
        #expect(request.groups.isEmpty)
        #expect(request.enabledRepositories.isEmpty)
        #expect(request.release == "demo")
    }

    @Test("equal requests don't differ, whatever the words of their options")
    func equal() {
        var other = sampleRequest()
        other.enabledRepositories = ["upd*"]
        #expect(sampleRequest().differences(from: other).isEmpty)
    }

    @Test("what differs is named")
    func differences() {
        var other = sampleRequest()
        other.packages = ["bash"]
        other.weakDependencies = true
        let found = sampleRequest().differences(from: other)
        #expect(found.map(\.what) == ["packages", "weak dependencies"])
        #expect(found.first?.old == "bash vim")
        #expect(found.first?.new == "bash")
    }

    @Test("a changed release definition is named as such")
    func configuration() {
        var other = sampleRequest()
        other.configuration = sha256(of: "another")
        let found = sampleRequest().differences(from: other)
        #expect(found.count == 1)
        #expect(found.first?.what.contains("configuration of \"demo\"") == true)
    }

    @Test("an app on another base is another request")
    func parent() {
        var one = sampleRequest()
        one.kind = .app
        one.parent = .init(name: "base", digest: sha256(of: "one"))
        var other = one
        other.parent = .init(name: "base", digest: sha256(of: "other"))
        #expect(one.differences(from: other).map(\.what) == ["parent"])
    }

    @Test("user names and passwords never reach a lock")
    func secrets() {
        #expect(withoutUser("mine=https://me:secret@host/x") == "mine=https://host/x")
        #expect(withoutUser("https://host/a@b") == "https://host/a@b")
        #expect(withoutUser("file:///srv/x") == "file:///srv/x")
    }
}
