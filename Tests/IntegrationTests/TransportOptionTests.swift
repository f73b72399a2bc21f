import Diagnostics
import Glibc
import Model
import System
import SystemPackage
import Testing
import Transfer

@Suite("each option of a repository's transport, with real servers")
struct TransportOptionTests {
    /// A file, plainly served, and a place to fetch it to.
    private final class Fixture {
        let directory: TemporaryDirectory
        let server: HTTPServer
        let digest: ContentDigest
        let size = 200_000

        init() throws {
            let directory = try TemporaryDirectory()
            let served = directory.path.appending("served")
            try Files.makeDirectory(served)
            try Files.write((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 17 ^ $0 >> 7) }, to: served.appending("file"))
            digest = try System.digest(ofFileAt: served.appending("file")).digest
            server = try HTTPServer(serving: served)
            self.directory = directory
        }

        var path: FilePath { directory.path }

        /// Fetches `url` anew and says what went wrong, if something did.
        @discardableResult
        func fetch(_ url: String, _ set: (inout TransportOptions) -> Void = { _ in }) throws -> ProvisionError? {
            var transport = TransportOptions()
            transport.proxy = ""
            transport.retries = 1
            set(&transport)
            let target = path.appending("out/file")
            try Files.remove(path.appending("out"))
            do {
                try Downloader().fetch([
                    TransferRequest(
                        label: "the file", urls: [url], destination: target, digests: [digest], transport: transport)
                ])
            } catch let error as ProvisionError {
                return error
            }
            #expect(try System.digest(ofFileAt: target).digest == digest)
            return nil
        }
    }

    @Test("a TLS server is believed by the authority that is named, or by none where that is allowed")
    func authority() throws {
        let fixture = try Fixture()
        let certificates = try TestCertificates(in: fixture.path.appending("certificates"))
        let service = try LoopbackService.tls(
            serving: fixture.path.appending("served"), certificate: certificates.server, key: certificates.serverKey,
            log: fixture.path.appending("log"))
        let url = "https://127.0.0.1:\(service.port)/file"
        let stranger = try fixture.fetch(url)
        #expect(stranger?.code == .unreachable)
        #expect(stranger?.causes.contains { $0.contains("certificate") } == true, "\(String(describing: stranger))")
        #expect(try fixture.fetch(url) { $0.caCertificate = certificates.authority.string } == nil)
        #expect(try fixture.fetch(url) { $0.verifyTLS = false } == nil)
        // Its certificate is for 127.0.0.1 and nobody else.
        let otherName = try fixture.fetch("https://localhost:\(service.port)/file") {
            $0.caCertificate = certificates.authority.string
            $0.addressFamily = .v4
        }
        #expect(otherName?.code == .unreachable)
    }

    @Test("a TLS server that wants a client's certificate gets it, end to end")
    func clientCertificate() throws {
        let fixture = try HostileFixture()
        let path = fixture.directory.path
        let certificates = try TestCertificates(in: path.appending("certificates"))
        let service = try LoopbackService.tls(
            serving: path.appending("served"), certificate: certificates.server, key: certificates.serverKey,
            clients: certificates.authority, log: path.appending("log"))
        let url = "os.baseurl=https://127.0.0.1:\(service.port)/os"
        let authority = "os.sslcacert=\(certificates.authority)"
        let without = try fixture.plan("--setopt", url, "--setopt", authority)
        #expect(without.status == 5, "\(without.output)\(without.errors)")
        let with = try fixture.plan(
            "--setopt", url, "--setopt", authority, "--setopt", "os.sslclientcert=\(certificates.client)", "--setopt",
            "os.sslclientkey=\(certificates.clientKey)")
        #expect(with.status == 0, "\(with.output)\(with.errors)")
        #expect(service.log.contains("/os/repodata/repomd.xml"))
    }

    @Test("a redirect from https to http isn't followed")
    func downgrade() throws {
        let fixture = try Fixture()
        let certificates = try TestCertificates(in: fixture.path.appending("certificates"))
        let service = try LoopbackService.tls(
            serving: fixture.path.appending("served"), certificate: certificates.server, key: certificates.serverKey,
            redirect: fixture.server.url, log: fixture.path.appending("log"))
        let error = try fixture.fetch("https://127.0.0.1:\(service.port)/down/file") {
            $0.caCertificate = certificates.authority.string
        }
        #expect(error?.code == .unreachable)
        #expect(service.log == ["/down/file"])
        #expect(fixture.server.requests.isEmpty)
    }

    @Test("files come through a proxy that wants a password, over http and over TLS; the password stays unsaid")
    func proxy() throws {
        let fixture = try Fixture()
        let certificates = try TestCertificates(in: fixture.path.appending("certificates"))
        let service = try LoopbackService.tls(
            serving: fixture.path.appending("served"), certificate: certificates.server, key: certificates.serverKey,
            log: fixture.path.appending("log"))
        let proxy = try LoopbackService.proxy(user: "me", password: "s3cret", log: fixture.path.appending("proxy-log"))
        let plain = fixture.server.url + "/file"
        let secure = "https://127.0.0.1:\(service.port)/file"
        for url in [plain, secure] {
            let error = try fixture.fetch(url) {
                $0.proxy = "http://127.0.0.1:\(proxy.port)"
                $0.proxyUser = "me"
                $0.proxyPassword = "s3cret"
                $0.caCertificate = certificates.authority.string
            }
            #expect(error == nil)
        }
        #expect(proxy.log == ["GET \(plain) yes", "CONNECT 127.0.0.1:\(service.port) yes"])
        for url in [plain, secure] {
            let error = try #require(
                try fixture.fetch(url) {
                    $0.proxy = "http://me:n0t-so-s3cret@127.0.0.1:\(proxy.port)"
                    $0.caCertificate = certificates.authority.string
                })
            #expect(error.code == .unreachable)
            #expect(error.causes.contains { $0.contains("407") }, "\(error)")
            #expect(!"\(error)\(error.hint ?? "")".contains("s3cret"))
        }
    }

    @Test("user name, password and user agent are told to the server")
    func credentials() throws {
        let fixture = try Fixture()
        try fixture.fetch(fixture.server.url + "/file") {
            $0.user = "me"
            $0.password = "s3cret"
            $0.userAgent = "dnf/9"
        }
        let headers = try #require(fixture.server.requests.last?.headers)
        #expect(headers["authorization"] == "Basic bWU6czNjcmV0")
        #expect(headers["user-agent"] == "dnf/9")
    }

    @Test("no credentials in any message: of URLs, of options, on errors and under -v")
    func secrets() throws {
        let fixture = try HostileFixture(settings: "username=me\npassword=s3cret-option\n")
        let host = fixture.server.url.dropFirst("http://".count)
        fixture.server.misbehave("/bad/repodata/repomd.xml", .status(401))
        let mirrors = ["http://me:s3cret-url@\(host)/bad", "http://me:s3cret-url@\(host)/os"]
        for base in [mirrors, [mirrors[0]]] {
            let run = try fixture.plan(
                "--setopt", "os.baseurl=\(base.joined(separator: " "))", "--setopt", "os.proxy_password=s3cret-proxy",
                "--setopt",
                "os.gpgkey=http://me:s3cret-key@\(host)/nothing", "--setopt", "os.repo_gpgcheck=\(base.count == 1 ? 1 : 0)")
            #expect(run.status == (base.count == 2 ? 0 : 5), "\(run.output)\(run.errors)")
            #expect(!run.output.contains("s3cret"), "\(run.output)")
            #expect(!run.errors.contains("s3cret"), "\(run.errors)")
            #expect(run.output.contains("401"), "the mirror that was left behind is told")
        }
    }

    @Test("a server that is silent, or slower than the minimum rate, is given up")
    func slow() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .drip(100))
        let slow = try fixture.fetch(fixture.server.url + "/file") {
            $0.timeout = 1
            $0.minimumRate = 20_000
            $0.retries = 0
        }
        #expect(slow?.code == .unreachable)
        fixture.server.misbehave("/file", .delayed(milliseconds: 6000))
        let silent = try fixture.fetch(fixture.server.url + "/file") {
            $0.timeout = 1
            $0.retries = 0
        }
        #expect(silent?.code == .unreachable)
    }

    @Test("a passing failure is tried again as often as retries says", arguments: [0, 3])
    func retries(count: Int) throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .status(503))
        let error = try fixture.fetch(fixture.server.url + "/file") { $0.retries = count }
        #expect(error?.code == .unreachable)
        #expect(fixture.server.requests.count == count + 1)
    }

    @Test("a server's Retry-After is waited for; one of hours is told and not waited for")
    func retryAfter() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .retryAfter(1), times: 1)
        let began = ContinuousClock.now
        #expect(try fixture.fetch(fixture.server.url + "/file") == nil)
        #expect(.now - began >= .milliseconds(990))
        fixture.server.misbehave("/file", .retryAfter(7200))
        let error = try fixture.fetch(fixture.server.url + "/file") { $0.retries = 5 }
        #expect(error?.causes.contains { $0.contains("after 7200 seconds") } == true, "\(String(describing: error))")
        #expect(fixture.server.requests.count == 3)
    }

    @Test("throttle holds for one file, for one smaller than a buffer, and for many small ones together", arguments: [1, 20])
    func throttle(files: Int) throws {
        let fixture = try Fixture()
        // 30,000 bytes at 10,000 a second: three seconds less what comes in the first instant.
        let size = 30_000 / files
        var requests: [TransferRequest] = []
        for number in 0..<files {
            let bytes = [UInt8](repeating: UInt8(number), count: size)
            let path = fixture.path.appending("served/small-\(number)")
            try Files.write(bytes, to: path)
            var transport = TransportOptions()
            transport.proxy = ""
            transport.throttle = 10_000
            requests.append(
                TransferRequest(
                    label: "small", urls: ["\(fixture.server.url)/small-\(number)"],
                    destination: fixture.path.appending("out/small-\(number)"),
                    digests: [try System.digest(ofFileAt: path).digest], size: UInt64(size), transport: transport))
        }
        let began = ContinuousClock.now
        try Downloader().fetch(requests)
        let slow = ContinuousClock.now - began
        #expect(slow > .seconds(2), "\(slow)")
        for index in requests.indices {
            requests[index].transport.throttle = nil
            requests[index].destination = fixture.path.appending("fast/small-\(index)")
        }
        let restarted = ContinuousClock.now
        try Downloader().fetch(requests)
        #expect(ContinuousClock.now - restarted < slow / 2)
    }

    @Test("proxy=_none_ is none though the environment names one; an empty one leaves it to the environment")
    func noProxy() throws {
        let fixture = try HostileFixture(settings: "proxy=")
        // Nobody listens there.
        let environment = ["http_proxy": "http://127.0.0.1:9", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        let direct = try fixture.plan("--setopt", "os.proxy=_none_", environment: environment)
        #expect(direct.status == 0, "\(direct.output)\(direct.errors)")
        try Files.remove(fixture.program.cache)
        let proxied = try fixture.plan(environment: environment)
        #expect(proxied.status == 5, "\(proxied.output)\(proxied.errors)")
    }

    @Test("a proxy that [main] names is taken back by one repository, and named for one alone")
    func proxyOfOne() throws {
        let fixture = try HostileFixture()
        let proxied = try fixture.plan("--setopt", "os.proxy=http://127.0.0.1:9")
        #expect(proxied.status == 5, "\(proxied.output)\(proxied.errors)")
        let direct = try fixture.plan("--setopt", "proxy=http://127.0.0.1:9", "--setopt", "os.proxy=_none_")
        #expect(direct.status == 0, "\(direct.output)\(direct.errors)")
    }

    @Test(
        "a transfer at the minimum rate goes on, however long it takes; a server that stays silent is given up after the timeout"
    )
    func rateAndTimeout() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/file", .drip(80_000))
        let steady = try fixture.fetch(fixture.server.url + "/file") {
            $0.timeout = 1
            $0.minimumRate = 20_000
            $0.retries = 0
        }
        #expect(steady == nil)
        fixture.server.misbehave("/file", .delayed(milliseconds: 1500))
        let patient = try fixture.fetch(fixture.server.url + "/file") {
            $0.timeout = 20
            $0.retries = 0
        }
        #expect(patient == nil)
    }

    @Test("of several base URLs each file takes the next one where the first has it not, end to end")
    func failover() throws {
        let fixture = try HostileFixture()
        let primary = "/os" + fixture.repository.primaryPath
        try runChecked(["cp", "-r", "\(fixture.directory.path)/served/os", "\(fixture.directory.path)/served/second"])
        let urls = "os.baseurl=\(fixture.server.url)/os \(fixture.server.url)/second"
        for trouble in [
            HTTPServer.Misbehaviour.status(404), .status(500), .cut(after: 100), .shortened(to: 100), .corrupted, .drip(20),
            .content([UInt8](repeating: 1, count: 5000)),
        ] {
            try Files.remove(fixture.program.cache)
            fixture.server.misbehave(primary, trouble)
            let run = try fixture.plan("--setopt", urls)
            #expect(run.status == 0, "\(trouble): \(run.output)\(run.errors)")
            #expect(run.output.contains("\(fixture.server.url)") && run.output.contains("warnings"), "\(run.output)")
            let left = try #require(run.output.firstRange(of: "\"warnings\""))
            #expect(run.output[left.lowerBound...].contains("mirror"), "\(trouble): which was left is told: \(run.output)")
        }
    }

    @Test("names are resolved to the family of addresses that ip_resolve names")
    func addressFamily() throws {
        let fixture = try Fixture()
        let url = fixture.server.url.replacing("127.0.0.1", with: "localhost") + "/file"
        #expect(try fixture.fetch(url) { $0.addressFamily = .v4 } == nil)
        #expect(try fixture.fetch(url) { $0.addressFamily = .v6 }?.code == .unreachable)
    }
}
