import Glibc
import Model
import System
import SystemPackage
import Testing

/// The same questions about repositories that were not made for them.
@Suite("the same answers as dnf, of whole distributions", .serialized)
struct RealRepositoryTests {
    private static let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()

    private func compare(
        _ requests: [[String]], configuration: String, in directory: FilePath, modular: Bool,
        at location: SourceLocation = #_sourceLocation
    ) throws -> [Answer] {
        let file = directory.appending("yum.conf")
        try Files.write(configuration, to: file)
        try Files.makeDirectory(directory.appending("root"))
        let question = Oracle.Question(
            name: "all", configuration: file.string, root: directory.appending("root").string,
            cache: directory.appending("dnf").string, modular: modular, requests: requests)
        var oracle = try Oracle([question], in: directory)
        let answers = try OwnAnswers(directory: directory, configuration: file, root: nil)
        let ours = try requests.map { try answers.answer($0) }
        let theirs = try #require(try oracle.finish()["all"])
        for (request, pair) in zip(requests, zip(ours, theirs)) {
            #expect(
                pair.0.agrees(with: pair.1), "\(request)\n\(Self.difference(pair.0, pair.1))", sourceLocation: location)
        }
        #expect(theirs.count == requests.count, sourceLocation: location)
        return theirs
    }

    /// What only one of two long answers holds.
    private static func difference(_ ours: Answer, _ theirs: Answer) -> String {
        guard case .packages(let own) = ours, case .packages(let other) = theirs else {
            return "  provision: \(ours)\n  dnf: \(theirs)"
        }
        let (left, right) = (Set(own), Set(other))
        return "  provision alone: \(left.subtracting(right).sorted().prefix(20))\n"
            + "  dnf alone: \(right.subtracting(left).sorted().prefix(20))"
    }

    // MARK: - The demo distribution

    private static func demoConfiguration(_ main: String, updates: Bool) throws -> String {
        let demo = checkout.appending("repos/demo/build")
        guard Files.exists(demo.appending("complete.json")) else {
            throw FixtureFailure("there is no demo distribution at \"\(demo)\": repos/demo/make-demo makes it")
        }
        return """
            [main]
            gpgcheck=0
            best=1
            \(main)
            [demo-os]
            name=os
            baseurl=file://\(demo)/os/x86_64
            [demo-updates]
            name=updates
            baseurl=file://\(demo)/updates/x86_64
            enabled=\(updates ? 1 : 0)

            """
    }

    /// Each package of the repositories by name and by NEVRA, and each group.
    private static func demoRequests() throws -> [[String]] {
        let demo = checkout.appending("repos/demo")
        let listing = try runProgram([
            "find", demo.appending("build/os").string, demo.appending("build/updates").string, "-name", "*.rpm",
        ])
        let packages = listing.text.split(separator: "\n").compactMap { path in
            NEVRA(String(path.split(separator: "/").last!.dropLast(4)))
        }
        let groups = try Files.readText(demo.appending("comps.xml")).split(separator: "<id>").dropFirst().map { part in
            "@" + part.prefix { $0 != "<" }
        }
        let words = packages.flatMap { [$0.name, $0.description] } + groups
        return Set(words).sorted().map { [$0] }
    }

    @Test(
        "each package and group of the demo distribution, with and without updates and weak dependencies",
        arguments: [("install_weak_deps=0", false), ("install_weak_deps=0", true), ("install_weak_deps=1", true)])
    func demo(main: String, updates: Bool) throws {
        let directory = try TemporaryDirectory(prefix: "demo")
        let requests = try Self.demoRequests() + [["--groups"], ["--visible"]]
        #expect(requests.count > 400)
        let answers = try compare(
            requests, configuration: try Self.demoConfiguration(main, updates: updates), in: directory.path, modular: false)
        let installable = answers.count { if case .packages(let packages) = $0 { !packages.isEmpty } else { false } }
        #expect(installable > 300)
    }

    // MARK: - CentOS Stream 9

    @Test(
        "CentOS Stream 9: module streams, groups and the packages that modules leave visible",
        .enabled("PROVISION_REAL_DATA is not set") { getenv("PROVISION_REAL_DATA") != nil })
    func stream9() throws {
        let data = FilePath(String(cString: try #require(getenv("PROVISION_REAL_DATA")))).appending("centos-stream-9")
        let directory = try TemporaryDirectory(prefix: "stream9")
        // Of BaseOS there is the comps file: a repository of groups alone.
        let base = directory.path.appending("baseos")
        try Files.makeDirectory(base)
        let indexed = try runProgram([
            "createrepo_c", "-q", "--groupfile", data.appending("baseos/comps.xml").string, base.string,
        ])
        try #require(indexed.status.succeeded, "\(indexed.standardError)")
        let configuration = """
            [main]
            gpgcheck=0
            best=1
            install_weak_deps=0
            module_platform_id=platform:el9
            [appstream]
            name=AppStream
            baseurl=file://\(data)/appstream
            [baseos]
            name=BaseOS
            baseurl=file://\(base)

            """
        let requests = [
            ["--modules"], ["--groups"], ["--visible"], ["adobe-mappings-cmap"], ["nodejs"], ["nginx"], ["fonts-filesystem"],
            ["google-noto-sans-fonts"], ["@fonts"], ["ant"], ["dejavu-sans-fonts"], ["@nodejs:20"], ["@nginx:1.26/common"],
            ["adwaita-icon-theme"], ["urw-base35-fonts"],
        ]
        let answers = try compare(requests, configuration: configuration, in: directory.path, modular: true)
        for (answer, least) in zip(answers, [15, 60, 15_000]) {
            guard case .packages(let lines) = answer else {
                Issue.record("dnf refused: \(answer)")
                continue
            }
            #expect(lines.count >= least)
        }
    }
}
