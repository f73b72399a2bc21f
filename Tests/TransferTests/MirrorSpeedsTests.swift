import Diagnostics
import Glibc
import Model
import System
import SystemPackage
import Testing

@testable import Transfer

@Suite("the fastest mirror")
struct MirrorSpeedsTests {
    private var direct: TransportOptions {
        var transport = TransportOptions()
        transport.proxy = ""
        return transport
    }

    /// A port that takes connections and says nothing.
    private struct Listener: ~Copyable {
        private let descriptor: Int32
        let url: String

        init() {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = bind(descriptor, $0, length)
                    _ = listen(descriptor, 8)
                    _ = getsockname(descriptor, $0, &length)
                }
            }
            self.descriptor = descriptor
            url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        }

        deinit { close(descriptor) }
    }

    @Test("a mirror that can't be connected to is asked last, this host's files first, and that is remembered")
    func measured() throws {
        let directory = try TemporaryDirectory()
        let urls: [String]
        let sorted: [String]
        do {
            let listener = Listener()
            urls = ["http://127.0.0.1:1/os", listener.url + "/os", "file:///srv/os"]
            sorted = ["file:///srv/os", listener.url + "/os", "http://127.0.0.1:1/os"]
            let speeds = MirrorSpeeds(cache: directory.path)
            #expect(try speeds.sorted(urls, transport: direct, progress: SilentProgress()) == sorted)
        }
        // Nobody listens any more, and nobody is asked.
        #expect(try MirrorSpeeds(cache: directory.path).sorted(urls, transport: direct, progress: SilentProgress()) == sorted)
    }

    @Test("the nearest comes first; behind a proxy nothing is measured, and the list's order holds")
    func remembered() throws {
        let directory = try TemporaryDirectory()
        let now = time(nil)
        try Files.write(
            """
            {"http://a": {"milliseconds": 30, "measured": \(now)}, "http://b": {"milliseconds": 10, "measured": \(now)},
            "http://c": {"measured": \(now)}, "http://d": {"milliseconds": 20, "measured": \(now)}}
            """, to: directory.path.appending("mirror-speeds.json"))
        let speeds = MirrorSpeeds(cache: directory.path)
        let urls = ["http://c/x", "http://a/x", "http://b/x", "http://d/x", "http://b/y"]
        #expect(
            try speeds.sorted(urls, transport: direct, progress: SilentProgress())
                == ["http://b/x", "http://b/y", "http://d/x", "http://a/x", "http://c/x"])
        var proxied = direct
        proxied.proxy = "http://127.0.0.1:1"
        #expect(try speeds.sorted(urls, transport: proxied, progress: SilentProgress()) == urls)
    }

    @Test("a server's wish to be left alone is heeded; one for hours leaves it behind")
    func retryAfter() {
        var choice = MirrorChoice(urls: ["http://a/x"], retries: 3)
        #expect(choice.failed(0, .passing, "", retryAfter: 7) > .seconds(6))
        #expect(choice.next() == 0)
        _ = choice.failed(0, .passing, "", retryAfter: 3600)
        #expect(choice.next() == nil)
        var two = MirrorChoice(urls: ["http://a/x", "http://b/x"], retries: 3)
        #expect(two.failed(0, .passing, "", retryAfter: 100) == .zero)
        #expect(two.next() == 1)
    }
}
