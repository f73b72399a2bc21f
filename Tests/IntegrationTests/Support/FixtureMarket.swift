import Model
import System
import SystemPackage

/// A signed repository of small packages, served over HTTP, and the yum.conf that names it: what refusals are tried on.
final class FixtureMarket {
    let factory: PackageFactory
    let trusted: TrustedKey
    let other: TrustedKey
    let server: HTTPServer
    let program: Program
    var site: FilePath { factory.path.appending("site") }
    var repository: FilePath { site.appending("market") }
    var configuration: FilePath { factory.path.appending("yum.conf") }

    init() throws {
        factory = try PackageFactory()
        trusted = try factory.key("Market <market@example.org>")
        other = try factory.key("Other <other@example.org>")
        let site = try factory.makeDirectory("site")
        try Files.makeDirectory(site.appending("market"))
        server = try HTTPServer(serving: site)
        program = Program(in: try factory.makeDirectory("provision"))
        try Files.write(trusted.armored, to: site.appending("RPM-GPG-KEY-market"))
        try write(configuration: "")
    }

    /// A yum.conf of the market alone, with more lines for it at the end.
    func write(configuration extra: String) throws {
        try Files.write(
            """
            [main]
            retries=1
            [market]
            name=Market
            baseurl=\(server.url)/market/
            gpgcheck=1
            repo_gpgcheck=1
            gpgkey=file://\(site)/RPM-GPG-KEY-market
            \(extra)
            """, to: configuration)
    }

    /// Puts a package into the repository, under its own name.
    func add(_ package: FilePath) throws {
        try runChecked(["cp", package.string, repository.string + "/"])
    }

    /// A package with some content, signed by `key` where there is one.
    func goods(signedBy key: TrustedKey?, header: String = "") throws -> FilePath {
        let package = try factory.package(
            "goods", install: "seq 1 10000 >$RPM_BUILD_ROOT/payload", files: ["/payload"], header: header)
        if let key { try factory.sign(package, by: key) }
        return package
    }

    /// Makes the metadata of what is there and signs it.
    func publish(signedBy key: TrustedKey? = nil) throws {
        try runChecked(["createrepo_c", "-q", repository.string])
        try factory.signDetached(repository.appending("repodata/repomd.xml"), by: key ?? trusted)
    }

    /// What `base shop goods` is refused with; nothing must be left of it.
    func refusal() throws -> (status: Int32, error: ErrorDocument.Body, traces: HostTraces, before: HostTraces) {
        let before = try HostTraces.now(of: program.state)
        let failure = try program.failure(["base", "shop", "goods", "-c", configuration.string])
        return (failure.status, failure.error, try HostTraces.settled(like: before, of: program.state), before)
    }
}
