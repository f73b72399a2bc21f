import Diagnostics
import FoundationEssentials
import Model
import Testing

@testable import Installing

@Suite("The channel between parent and child")
struct InstallEventTests {
    private func line(_ text: String) -> [UInt8] { Array((text + "\n").utf8) }

    @Test("events come out whole, however the stream is cut")
    func pieces() throws {
        var decoder = EventDecoder()
        let bytes = line(#"{"log":{"level":4,"text":"a"}}"#) + line(#"{"verified":{"package":"p","completed":1}}"#)
        var events: [InstallEvent] = []
        for byte in bytes { events += try decoder.feed([byte]) }
        #expect(events == [.log(level: 4, text: "a"), .verified(package: "p", completed: 1)])
    }

    @Test("a line that is no event is an error, not ignored")
    func garbage() {
        var decoder = EventDecoder()
        #expect(throws: ProvisionError.self) { _ = try decoder.feed(line("rpm: hello")) }
    }

    @Test("an error keeps code, hint and causes on its way")
    func failure() {
        let error = ProvisionError(.verification, "no", hint: "do", causes: ["because"])
        #expect(InstallEvent.Failure(error).error == error)
    }

    @Test("a job survives JSON")
    func job() throws {
        let package = InstallJob.PackageFile(
            path: "/c/a b.rpm", nevra: NEVRA("a-1:2-3.noarch")!, repository: "r",
            checksum: ContentDigest(.sha256, hex: String(repeating: "a", count: 64))!, size: 1, requireSignature: true,
            allowedKeys: ["F"])
        let job = InstallJob(
            root: "/r", database: .init(path: "/var/lib/rpm", backend: "sqlite"), arch: "x86_64", packages: [package],
            keys: [TrustedKey(fingerprint: "F", userID: "u", armored: "a")], noDocs: true, languages: ["en"], overlay: true)
        let data = try JSONEncoder().encode(ChildRequest.install(job))
        #expect(try JSONDecoder().decode(ChildRequest.self, from: data) == .install(job))
    }
}
