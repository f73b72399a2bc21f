import Diagnostics
import Testing

@testable import Transfer

@Suite("the choice of mirrors")
struct MirrorChoiceTests {
    @Test("each mirror is asked once, in order, before one is asked again")
    func order() throws {
        var choice = MirrorChoice(urls: ["http://a/x", "http://b/x"], retries: 1)
        var asked: [Int] = []
        while let next = choice.next() {
            asked.append(next)
            _ = choice.failed(next, .passing, "the connection was cut")
        }
        #expect(asked == [0, 1, 0, 1])
    }

    @Test("a mirror that refuses or has wrong bytes isn't asked again", arguments: [MirrorFailure.Kind.refused, .wrongBytes])
    func noSecondChance(kind: MirrorFailure.Kind) throws {
        var choice = MirrorChoice(urls: ["http://a/x"], retries: 10)
        _ = choice.failed(0, kind, "no")
        #expect(choice.next() == nil)
    }

    @Test("a mirror on a host in trouble waits for the others")
    func troubledHost() {
        let choice = MirrorChoice(urls: ["http://a:80/x", "http://b/x"], retries: 1)
        #expect(choice.next(isTroubled: { $0 == "http://a:80" }) == 1)
    }

    @Test("there is no pause before a mirror that wasn't asked yet, and a growing one before the same again")
    func pauses() {
        var choice = MirrorChoice(urls: ["http://a/x", "http://b/x"], retries: 9)
        #expect(choice.failed(0, .passing, "") == .zero)
        #expect(choice.failed(1, .passing, "") == .milliseconds(100))
        _ = choice.failed(0, .passing, "")
        #expect(choice.failed(1, .passing, "") == .milliseconds(200))
    }

    @Test("only wrong bytes from all mirrors are a failed verification")
    func errorCodes() {
        var choice = MirrorChoice(urls: ["http://a/x", "http://b/x"], retries: 0)
        _ = choice.failed(0, .wrongBytes, "its sha256 is wrong")
        #expect(choice.error(label: "x").code == .verification)
        _ = choice.failed(1, .unreachable, "connection refused")
        #expect(choice.error(label: "x").code == .unreachable)
        #expect(choice.error(label: "x").causes == ["http://a/x: its sha256 is wrong", "http://b/x: connection refused"])
    }

    @Test("user names and passwords are cut from URLs, and only they")
    func credentials() {
        #expect(withoutCredentials("https://u:p@host:8/a@b") == "https://host:8/a@b")
        #expect(withoutCredentials("https://host/a@b") == "https://host/a@b")
        #expect(origin(of: "https://u:p@host:8/a") == "https://host:8")
    }
}
