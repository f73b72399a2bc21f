import Diagnostics
import Model
import System
import SystemPackage
import Testing
import Transfer

@Suite("downloads over HTTP")
struct DownloadTests {
    /// A served file of `size` bytes, its digest, and a place to fetch it to.
    private final class Fixture {
        let directory: TemporaryDirectory
        let server: HTTPServer
        let digest: ContentDigest
        let size: UInt64

        init(size: Int = 300_000) throws {
            let directory = try TemporaryDirectory()
            let served = directory.path.appending("served")
            try Files.makeDirectory(served)
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            try Files.write(bytes, to: served.appending("file"))
            digest = try System.digest(ofFileAt: served.appending("file")).digest
            self.size = UInt64(size)
            server = try HTTPServer(serving: served)
            self.directory = directory
        }

        var target: FilePath { directory.path.appending("out/file") }

        func request(_ urls: [String], retries: Int = 2, knowsSize: Bool = true) -> TransferRequest {
            var transport = TransportOptions()
            transport.retries = retries
            transport.proxy = ""
            return TransferRequest(
                label: "the file", urls: urls, destination: target, digests: [digest], size: knowsSize ? size : nil,
                transport: transport)
        }

        func isRight() throws -> Bool { try System.digest(ofFileAt: target).digest == digest }
    }

    @Test("a file arrives under its name, with nothing left beside it, and its bytes are counted")
    func arrives() throws {
        let fixture = try Fixture()
        let results = try Downloader(agent: "provision/9.9").fetch([fixture.request([fixture.server.url + "/file"])])
        #expect(try fixture.isRight())
        #expect(try Files.names(in: fixture.directory.path.appending("out")) == ["file"])
        #expect(results[0].downloadedBytes == fixture.size)
        #expect(fixture.server.requests.map { $0.headers["user-agent"] } == ["provision/9.9"])
    }

    @Test("a mirror that answers 404 is left for the next, and the result says so")
    func missingOnFirstMirror() throws {
        let fixture = try Fixture()
        let results = try Downloader().fetch([
            fixture.request([fixture.server.url + "/nothing", fixture.server.url + "/file"])
        ])
        #expect(try fixture.isRight())
        #expect(results[0].mirror == 1)
        #expect(results[0].failures.map(\.reason) == ["the server answered 404 (not found)"])
    }

    @Test("a transfer cut in the middle resumes where it was: no byte comes twice")
    func resumesAfterCut() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .cut(after: 120_000), times: 1)
        let results = try Downloader().fetch([fixture.request([fixture.server.url + "/file"])])
        #expect(try fixture.isRight())
        #expect(results[0].downloadedBytes == fixture.size)
        #expect(fixture.server.requests.map(\.rangeStart) == [nil, 120_000])
    }

    @Test("what an earlier run left is taken up by the next one")
    func resumesLater() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .cut(after: 200_000))
        let error = refusal { _ = try Downloader().fetch([fixture.request([fixture.server.url + "/file"], retries: 0)]) }
        #expect(error?.code == .unreachable)
        #expect(Files.size(FilePath(fixture.target.string + ".part")) == 200_000)
        fixture.server.behave()
        let results = try Downloader().fetch([fixture.request([fixture.server.url + "/file"])])
        #expect(try fixture.isRight())
        #expect(results[0].downloadedBytes == fixture.size - 200_000)
    }

    @Test("a server without ranges starts again from 0", arguments: [true, false])
    func serverWithoutRanges(knowsSize: Bool) throws {
        let fixture = try Fixture()
        try Files.makeDirectory(fixture.target.removingLastComponent())
        try Files.write([1, 2, 3], to: FilePath(fixture.target.string + ".part"))
        fixture.server.misbehave("/file", .noRanges)
        try Downloader().fetch([fixture.request([fixture.server.url + "/file"], knowsSize: knowsSize)])
        #expect(try fixture.isRight())
        #expect(fixture.server.requests.map(\.rangeStart) == [3, nil])
    }

    @Test(
        "a part with wrong bytes in it is fetched once more from 0, from the same mirror", arguments: [1000, 300_000, 400_000])
    func wrongPart(length: Int) throws {
        let fixture = try Fixture()
        try Files.makeDirectory(fixture.target.removingLastComponent())
        try Files.write([UInt8](repeating: 7, count: length), to: FilePath(fixture.target.string + ".part"))
        try Downloader().fetch([fixture.request([fixture.server.url + "/file"], retries: 0)])
        #expect(try fixture.isRight())
    }

    @Test("a longer part than the server's file doesn't pass for it when its size is unknown")
    func partLongerThanUnknownSize() throws {
        let fixture = try Fixture()
        try Files.makeDirectory(fixture.target.removingLastComponent())
        try Files.write([UInt8](repeating: 7, count: 400_000), to: FilePath(fixture.target.string + ".part"))
        try Downloader().fetch([fixture.request([fixture.server.url + "/file"], knowsSize: false)])
        #expect(try fixture.isRight())
    }

    @Test("wrong bytes make the next mirror's turn", arguments: [true, false])
    func wrongBytesThenNextMirror(knowsSize: Bool) throws {
        let fixture = try Fixture()
        let bad = try HTTPServer(serving: fixture.directory.path.appending("served"))
        bad.misbehave("/file", .corrupted)
        let results = try Downloader().fetch([
            fixture.request([bad.url + "/file", fixture.server.url + "/file"], knowsSize: knowsSize)
        ])
        #expect(try fixture.isRight())
        #expect(results[0].failures.map(\.kind) == [.wrongBytes])
        #expect(results[0].downloadedBytes == 2 * fixture.size)
    }

    @Test("a file that is shorter or longer than it should be is refused", arguments: [200_000, 0])
    func wrongLength(shortened: Int) throws {
        let fixture = try Fixture()
        fixture.server.misbehave(
            "/file", shortened > 0 ? .shortened(to: shortened) : .content([UInt8](repeating: 1, count: 300_001)))
        let error = refusal { _ = try Downloader().fetch([fixture.request([fixture.server.url + "/file"])]) }
        #expect(error?.code == .verification)
        #expect(!Files.exists(fixture.target))
    }

    @Test("wrong bytes from every mirror are a failed verification that names both digests")
    func wrongBytesEverywhere() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .corrupted)
        let error = refusal { _ = try Downloader().fetch([fixture.request([fixture.server.url + "/file"])]) }
        #expect(error?.code == .verification)
        #expect(error?.causes.first?.contains(fixture.digest.short) == true)
        #expect(!Files.exists(fixture.target))
    }

    @Test("an endless body ends at the cap")
    func endlessBody() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .endless)
        var request = fixture.request([fixture.server.url + "/file"])
        request.digests = []
        request.size = nil
        request.maximumSize = 1 << 20
        let error = refusal { _ = try Downloader().fetch([request]) }
        #expect(error?.code == .verification)
        #expect(try Files.names(in: fixture.directory.path.appending("out")) == [])
    }

    @Test("a server that is down is unreachable, and each mirror is named")
    func serverDown() throws {
        let fixture = try Fixture()
        fixture.server.stop()
        let urls = [fixture.server.url + "/file", "http://127.0.0.1:1/file"]
        let error = refusal { _ = try Downloader().fetch([fixture.request(urls)]) }
        #expect(error?.code == .unreachable)
        #expect(error?.causes.count == 2)
        for url in urls { #expect(error?.causes.contains { $0.hasPrefix(url) } == true) }
    }

    @Test("an overloaded server is asked again")
    func passingTrouble() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .status(503), times: 2)
        try Downloader().fetch([fixture.request([fixture.server.url + "/file"])])
        #expect(try fixture.isRight())
        #expect(fixture.server.requests.count == 3)
    }

    @Test("redirects are followed, but not in circles")
    func redirects() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/moved", .redirect(to: "/file"))
        fixture.server.misbehave("/circle", .redirect(to: "/circle"))
        fixture.server.misbehave("/escape", .redirect(to: "file:///etc/passwd"))
        try Downloader().fetch([fixture.request([fixture.server.url + "/moved"])])
        #expect(try fixture.isRight())
        try Files.remove(fixture.target)
        for path in ["/circle", "/escape"] {
            let error = refusal { _ = try Downloader().fetch([fixture.request([fixture.server.url + path])]) }
            #expect(error?.code == .unreachable)
        }
        #expect(!Files.exists(fixture.target))
    }

    @Test("files start in their order, and each is told of as it arrives")
    func order() throws {
        let fixture = try Fixture()
        let requests = (0..<6).map { number in
            var request = fixture.request([fixture.server.url + "/file"])
            request.destination = fixture.directory.path.appending("out/\(number)")
            return request
        }
        var arrived: [Int] = []
        let results = try Downloader(parallel: 1).fetch(requests) { index, _ in arrived.append(index) }
        #expect(arrived == [0, 1, 2, 3, 4, 5])
        #expect(results.count == 6)
    }

    @Test("the same file asked for twice is fetched once")
    func sameFileTwice() throws {
        let fixture = try Fixture()
        let request = fixture.request([fixture.server.url + "/file"])
        let results = try Downloader().fetch([request, request])
        #expect(results.reduce(0) { $0 + $1.downloadedBytes } == fixture.size)
    }

    @Test("one failing file cancels the rest and keeps their parts")
    func failureCancels() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/slow", .drip(50_000))
        try Files.write([UInt8](repeating: 5, count: 1_000_000), to: fixture.directory.path.appending("served/slow"))
        fixture.server.misbehave("/late", .delayed(milliseconds: 500))
        var slow = fixture.request([fixture.server.url + "/slow"])
        slow.size = 1_000_000
        slow.destination = fixture.directory.path.appending("out/slow")
        let late = fixture.request([fixture.server.url + "/late"])
        let error = refusal { _ = try Downloader().fetch([slow, late]) }
        #expect(error?.code == .unreachable)
        #expect(try Files.names(in: fixture.directory.path.appending("out")) == ["slow.part"])
    }

    @Test("a failing file among others doesn't keep them from arriving where that is asked for")
    func attemptGoesOn() throws {
        let fixture = try Fixture()
        var missing = fixture.request([fixture.server.url + "/nothing"])
        missing.destination = fixture.directory.path.appending("out/missing")
        let results = try Downloader().attempt([missing, fixture.request([fixture.server.url + "/file"])])
        #expect(throws: ProvisionError.self) { try results[0].get() }
        #expect(try results[1].get().size == fixture.size)
    }

    @Test("a password in a URL doesn't show in messages")
    func passwordsStayOut() throws {
        let fixture = try Fixture()
        let url = fixture.server.url.replacing("http://", with: "http://me:secret@") + "/nothing"
        let error = refusal { _ = try Downloader().fetch([fixture.request([url])]) }
        #expect(error.map { "\($0)" }?.contains("secret") == false)
    }
}
