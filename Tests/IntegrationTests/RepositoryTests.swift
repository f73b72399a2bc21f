import Configuration
import Diagnostics
import Model
import Repositories
import System
import SystemPackage
import Testing
import Transfer

@Suite("repositories over HTTP, made by createrepo_c")
struct RepositoryTests {
    /// A repository with one package, served, and a cache.
    private final class Fixture {
        private let factory: PackageFactory
        let directory: FilePath
        let server: HTTPServer

        init() throws {
            factory = try PackageFactory()
            directory = factory.path
            try Files.makeDirectory(directory.appending("os"))
            try Files.write(
                "<comps><group><id>core</id><name>Core</name><packagelist><packagereq>hello</packagereq></packagelist></group></comps>",
                to: directory.appending("comps.xml"))
            server = try HTTPServer(serving: directory)
            try add("hello")
            try index()
        }

        func index() throws {
            try runChecked([
                "createrepo_c", "-q", "--groupfile", directory.appending("comps.xml").string,
                directory.appending("os").string,
            ])
        }

        func add(_ package: String) throws {
            try runChecked(["cp", factory.package(package).string, directory.appending("os").string])
        }

        func configuration(_ id: String = "os") -> RepositoryConfiguration {
            var configuration = RepositoryConfiguration(id: id, name: "OS")
            configuration.baseURLs = [server.url + "/os"]
            configuration.transport.retries = 1
            configuration.transport.proxy = ""
            return configuration
        }

        func loader(_ policy: MetadataPolicy = MetadataPolicy()) -> RepositoryLoader {
            RepositoryLoader(cache: directory.appending("cache"), downloader: Downloader(), policy: policy)
        }
    }

    @Test("a repository loads, and a second time without a request")
    func loadsOnce() throws {
        let fixture = try Fixture()
        let snapshots = try fixture.loader().load([fixture.configuration()])
        #expect(try Comps(of: snapshots[0]).group("core")?.members.map(\.name) == ["hello"])
        fixture.server.forgetRequests()
        #expect(try fixture.loader().load([fixture.configuration()]) == snapshots)
        #expect(fixture.server.requests.isEmpty)
    }

    @Test("a metalink pins the index: a mirror with another one is stale, and an unchanged one isn't fetched")
    func metalink() throws {
        let fixture = try Fixture()
        let current = try digest(ofFileAt: fixture.directory.appending("os/repodata/repomd.xml")).digest
        try Files.makeDirectory(fixture.directory.appending("old/repodata"))
        try Files.write("<repomd/>", to: fixture.directory.appending("old/repodata/repomd.xml"))
        try Files.write(
            """
            <metalink xmlns="http://www.metalinker.org/"><files><file name="repomd.xml">
            <verification><hash type="sha256">\(current.hex)</hash></verification><resources>
            <url protocol="http" preference="50">\(fixture.server.url)/os/repodata/repomd.xml</url>
            <url protocol="http" preference="100">\(fixture.server.url)/old/repodata/repomd.xml</url>
            </resources></file></files></metalink>
            """, to: fixture.directory.appending("metalink"))
        var configuration = fixture.configuration()
        configuration.baseURLs = []
        configuration.metalink = fixture.server.url + "/metalink?repo=os&arch=x86_64"
        let snapshot = try #require(try fixture.loader().load([configuration]).first)
        #expect(snapshot.baseURLs.first == fixture.server.url + "/os")
        #expect(snapshot.repomdDigest == current)
        fixture.server.forgetRequests()
        _ = try fixture.loader().load([configuration], freshness: .refresh)
        #expect(fixture.server.requests.map(\.path) == ["/metalink"])
    }

    @Test("a mirrorlist's dead mirrors are passed over, for each file anew")
    func mirrorlist() throws {
        let fixture = try Fixture()
        try Files.write(
            "http://127.0.0.1:1/os\n\(fixture.server.url)/nowhere\n\(fixture.server.url)/os\n",
            to: fixture.directory.appending("mirrors"))
        var configuration = fixture.configuration()
        configuration.baseURLs = []
        configuration.mirrorlist = fixture.server.url + "/mirrors"
        let snapshot = try #require(try fixture.loader().load([configuration]).first)
        #expect(snapshot.baseURLs.first == fixture.server.url + "/os")
        #expect(snapshot.baseURLs.count == 3)
    }

    @Test("a server that is down is unreachable, named with its address")
    func down() throws {
        let fixture = try Fixture()
        fixture.server.stop()
        let error = refusal { _ = try fixture.loader().load([fixture.configuration()]) }
        #expect(error?.code == .unreachable)
        #expect(error?.message.contains("\"os\"") == true)
        #expect(error?.causes.contains { $0.contains(fixture.server.url) } == true)
    }

    @Test("metadata with changed bytes is refused with exit 4, and the cache stays usable")
    func corrupted() throws {
        let fixture = try Fixture()
        let primary = try #require(
            try Files.names(in: fixture.directory.appending("os/repodata")).first { $0.contains("primary.xml") })
        fixture.server.misbehave("/os/repodata/" + primary, .corrupted)
        let error = refusal { _ = try fixture.loader().load([fixture.configuration()]) }
        #expect(error?.exitStatus == 4)
        fixture.server.behave()
        #expect(try fixture.loader().load([fixture.configuration()]).count == 1)
    }

    @Test("a cached index whose files the server has replaced is fetched anew")
    func replacedOnServer() throws {
        let fixture = try Fixture()
        let first = try fixture.loader().load([fixture.configuration()])
        try fixture.add("world")
        try Files.remove(first[0].primary.path)
        try Files.remove(fixture.directory.appending("os/repodata"))
        try fixture.index()
        let second = try fixture.loader().load([fixture.configuration()])
        #expect(second[0].repomdDigest != first[0].repomdDigest)
    }

    @Test("an endless index ends at the cap")
    func endlessIndex() throws {
        let fixture = try Fixture()
        fixture.server.misbehave("/os/repodata/repomd.xml", .endless)
        let error = refusal { _ = try fixture.loader().load([fixture.configuration()]) }
        #expect(error?.message.contains("\"os\"") == true)
        #expect(fixture.server.bytesSent < 64 << 20)
    }

    @Test("packages come from the mirrors of the snapshot into the cache, in their order")
    func packages() throws {
        let fixture = try Fixture()
        let snapshot = try #require(try fixture.loader().load([fixture.configuration()]).first)
        let file = fixture.directory.appending("os/hello-1-1.noarch.rpm")
        let package = PlannedPackage(
            nevra: try #require(NEVRA("hello-1-1.noarch")), repository: "os", location: "hello-1-1.noarch.rpm",
            checksum: try digest(ofFileAt: file).digest, size: try #require(Files.size(file)), installedSize: 0,
            reason: .requested(spec: "hello"))
        let cache = PackageCache(cache: fixture.directory.appending("cache"))
        #expect(!cache.holds(package))
        try Downloader().fetch([
            cache.request(
                for: package, urls: try snapshot.packageURLs(for: package), transport: snapshot.configuration.transport)
        ])
        #expect(cache.holds(package))
    }
}
