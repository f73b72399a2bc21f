import Glibc
import System
import SystemPackage
import Testing

@Suite("a download that dies")
struct KilledDownloadTests {
    @Test("after kill -9 the next run goes on inside of the file: no byte that is there comes again")
    func killed() throws {
        let factory = try PackageFactory()
        let repository = try factory.makeDirectory("served/os")
        let package = try factory.package(
            "bulk", install: "head -c 4000000 /dev/urandom >$RPM_BUILD_ROOT/payload", files: ["/payload"])
        let name = try #require(package.lastComponent?.string)
        try runChecked(["cp", package.string, repository.string])
        try runChecked(["createrepo_c", "-q", repository.string])
        let server = try HTTPServer(serving: factory.path.appending("served"))
        let configuration = factory.path.appending("yum.conf")
        try Files.write("[main]\ngpgcheck=0\n[os]\nname=OS\nbaseurl=\(server.url)/os\n", to: configuration)
        let program = Program(in: try factory.makeDirectory("provision"))
        let words = ["base", "b", "bulk", "-c", configuration.string]
        let size = try #require(Files.size(package))

        server.misbehave("/os/" + name, .drip(1_000_000))
        var run = try Background(program.arguments(words), output: factory.path.appending("log"))
        try run.wait(for: "a part of the package") { _ in
            server.bytesSent > 1_500_000 && server.requests.contains { $0.path == "/os/" + name }
        }
        run.signal(SIGKILL)
        #expect(try run.end() == .signalled(SIGKILL))

        let parts = try runChecked(["find", program.cache.string, "-name", "*.part"]).text.split(separator: "\n")
        #expect(parts.count == 1)
        let part = FilePath(String(try #require(parts.first)))
        let there = try #require(Files.size(part))
        #expect(there > 1_000_000 && there < size)
        server.behave()
        server.settle()
        server.forgetRequests()
        let second = try runProgram(program.arguments(words))
        #expect(second.status.succeeded, "\(second.standardError)")
        #expect(server.requests.map(\.path) == ["/os/" + name])
        #expect(server.requests.first?.rangeStart == there)
        #expect(server.bytesSent == size - there)
    }
}
