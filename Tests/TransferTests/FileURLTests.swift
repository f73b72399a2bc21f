import Diagnostics
import Model
import Synchronization
import System
import SystemPackage
import Testing
import Transfer

@Suite("file URLs")
struct FileURLTests {
    @Test("a file is copied, its digest checked and its progress told")
    func copies() throws {
        let directory = try TemporaryDirectory()
        let source = directory.path.appending("a file")
        try Files.write("content", to: source)
        let target = directory.path.appending("deep/er/target")
        let progress = RecordedProgress()
        let results = try Downloader(progress: progress).fetch([
            TransferRequest(
                label: "a file", urls: ["file://" + source.string.replacing(" ", with: "%20")], destination: target,
                digests: [sha256(of: "content")], size: 7)
        ])
        #expect(try Files.readText(target) == "content")
        #expect(results[0].digest == sha256(of: "content"))
        #expect(progress.last == .advanced(.download, completed: 7, item: "a file"))
    }

    @Test("a file that is there already is not fetched again")
    func alreadyThere() throws {
        let directory = try TemporaryDirectory()
        try Files.write("content", to: directory.path.appending("target"))
        let results = try Downloader().fetch([
            TransferRequest(
                label: "x", urls: [], destination: directory.path.appending("target"), digests: [sha256(of: "content")])
        ])
        #expect(results[0].downloadedBytes == 0)
    }

    @Test("a damaged file at the destination is replaced")
    func damagedDestination() throws {
        let directory = try TemporaryDirectory()
        try Files.write("content", to: directory.path.appending("source"))
        try Files.write("damaged", to: directory.path.appending("target"))
        try Downloader().fetch([
            TransferRequest(
                label: "x", urls: ["file://\(directory.path)/source"], destination: directory.path.appending("target"),
                digests: [sha256(of: "content")], size: 7)
        ])
        #expect(try Files.readText(directory.path.appending("target")) == "content")
    }

    @Test("other protocols are refused", arguments: ["ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "scp://127.0.0.1/x"])
    func otherProtocols(url: String) throws {
        let directory = try TemporaryDirectory()
        let results = try Downloader().attempt([
            TransferRequest(label: "x", urls: [url], destination: directory.path.appending("target"))
        ])
        #expect(throws: ProvisionError.self) { try results[0].get() }
        #expect(try Files.names(in: directory.path) == [])
    }

    @Test("nothing is known to ask: the error says so")
    func noMirror() throws {
        let directory = try TemporaryDirectory()
        let results = try Downloader().attempt([
            TransferRequest(label: "x", urls: [], destination: directory.path.appending("target"))
        ])
        #expect { try results[0].get() } throws: { ($0 as? ProvisionError)?.code == .unreachable }
    }

    @Test("a digest type that can't be computed is refused, not skipped")
    func unknownDigest() throws {
        let directory = try TemporaryDirectory()
        let digest = try #require(ContentDigest(.sha224, hex: String(repeating: "0", count: 56)))
        let request = TransferRequest(
            label: "x", urls: ["file:///etc/hostname"], destination: directory.path.appending("target"), digests: [digest])
        #expect(throws: ProvisionError.self) { try Downloader().fetch([request]) }
    }
}

/// Keeps what was reported.
private final class RecordedProgress: ProgressSink {
    private let events = Mutex<[ProgressEvent]>([])
    func report(_ event: ProgressEvent) { events.withLock { $0.append(event) } }
    var last: ProgressEvent? { events.withLock { $0.last } }
}
