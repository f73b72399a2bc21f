import Diagnostics
import Model
import Solving
import Synchronization
import System
import SystemPackage
import Testing

/// A package of a fixture repository. Versions are written `[epoch:]version-release`, dependencies as rpm does.
struct FixturePackage {
    var name: String
    var evr = "1-1"
    var arch = "noarch"
    var provides: [String] = []
    var requires: [String] = []
    var conflicts: [String] = []
    var obsoletes: [String] = []
    var recommends: [String] = []
    var supplements: [String] = []
    var files: [String] = []
    var checksumType = "sha256"
    var base: String?

    init(
        _ name: String, _ evr: String = "1-1", arch: String = "noarch", provides: [String] = [], requires: [String] = [],
        conflicts: [String] = [], obsoletes: [String] = [], recommends: [String] = [], supplements: [String] = [],
        files: [String] = []
    ) {
        self.name = name
        self.evr = evr
        self.arch = arch
        self.provides = provides
        self.requires = requires
        self.conflicts = conflicts
        self.obsoletes = obsoletes
        self.recommends = recommends
        self.supplements = supplements
        self.files = files
    }
}

/// A repository's primary and filelists metadata, written into a directory of the test's.
struct FixtureRepository {
    var source: RepositorySource
    let askedForFilelists = Counter()

    final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        func increment() { count.add(1, ordering: .relaxed) }
        var value: Int { count.load(ordering: .relaxed) }
    }

    init(_ id: String = "test", in directory: FilePath, _ packages: [FixturePackage]) throws {
        let primary = directory.appending("\(id)-primary.xml")
        let filelists = directory.appending("\(id)-filelists.xml")
        let text = Self.primary(packages)
        try Files.write(text, to: primary)
        try Files.write(Self.filelists(packages), to: filelists)
        let counter = askedForFilelists
        source = RepositorySource(id: id, primary: primary, generation: sha256(of: id + text).hex) {
            counter.increment()
            return filelists
        }
    }

    private static func primary(_ packages: [FixturePackage]) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="\(packages.count)">

        """ + packages.map(primary).joined() + "</metadata>\n"
    }

    private static func primary(_ package: FixturePackage) -> String {
        let listed = package.files.filter { $0.hasPrefix("/etc/") || $0.contains("bin/") || $0 == "/usr/lib/sendmail" }
        let file = "\(package.name)-\(evrFile(package.evr)).\(package.arch).rpm"
        return """
            <package type="rpm">
              <name>\(package.name)</name><arch>\(package.arch)</arch>\(version(package.evr))
              <checksum type="\(package.checksumType)" pkgid="YES">\(identity(package))</checksum>
              <summary>The \(package.name) package</summary><description>-</description>
              <packager/><url/><time file="0" build="0"/>
              <size package="1000" installed="5000" archive="6000"/>
              <location\(package.base.map { " xml:base=\"\($0)\"" } ?? "") href="Packages/\(file)"/>
              <format><rpm:license>MIT</rpm:license><rpm:vendor/><rpm:group/><rpm:buildhost/><rpm:sourcerpm/>
                <rpm:header-range start="0" end="0"/>
                \(entries("provides", ["\(package.name) = \(package.evr)"] + package.provides))
                \(entries("requires", package.requires))\(entries("conflicts", package.conflicts))
                \(entries("obsoletes", package.obsoletes))\(entries("recommends", package.recommends))
                \(entries("supplements", package.supplements))
                \(listed.map { "<file>\($0)</file>" }.joined())
              </format>
            </package>

            """
    }

    private static func filelists(_ packages: [FixturePackage]) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="\(packages.count)">

        """
            + packages.map { package in
                "<package pkgid=\"\(identity(package))\" name=\"\(package.name)\" arch=\"\(package.arch)\">\(version(package.evr))"
                    + package.files.map { "<file>\($0)</file>" }.joined() + "</package>\n"
            }.joined() + "</filelists>\n"
    }

    private static func identity(_ package: FixturePackage) -> String {
        sha256(of: "\(package.name) \(package.evr) \(package.arch)").hex
    }

    private static func evrFile(_ evr: String) -> String { String(evr.split(separator: ":").last ?? "") }

    private static func parts(_ evr: String) -> (epoch: String, version: String, release: String?) {
        let colon = evr.split(separator: ":")
        let dash = (colon.last ?? "").split(separator: "-", maxSplits: 1)
        return (colon.count > 1 ? String(colon[0]) : "0", String(dash[0]), dash.count > 1 ? String(dash[1]) : nil)
    }

    private static func version(_ evr: String) -> String {
        let (epoch, version, release) = parts(evr)
        return "<version epoch=\"\(epoch)\" ver=\"\(version)\" rel=\"\(release ?? "1")\"/>"
    }

    private static func entries(_ kind: String, _ dependencies: [String]) -> String {
        guard !dependencies.isEmpty else { return "" }
        let flags = ["<": "LT", "<=": "LE", "=": "EQ", ">=": "GE", ">": "GT"]
        let entries = dependencies.map { dependency -> String in
            let words = dependency.split(separator: " ").map(String.init)
            guard !dependency.hasPrefix("("), words.count == 3, let flag = flags[words[1]] else {
                return "<rpm:entry name=\"\(dependency.replacing("<", with: "&lt;").replacing(">", with: "&gt;"))\"/>"
            }
            let (epoch, version, release) = parts(words[2])
            return "<rpm:entry name=\"\(words[0])\" flags=\"\(flag)\" epoch=\"\(epoch)\" ver=\"\(version)\""
                + (release.map { " rel=\"\($0)\"" } ?? "") + "/>"
        }
        return "<rpm:\(kind)>\(entries.joined())</rpm:\(kind)>"
    }
}

/// Everything that one resolution in a test needs; gone with the value.
struct Fixture: ~Copyable {
    let directory: TemporaryDirectory
    private(set) var repositories: [FixtureRepository]

    init(_ packages: FixturePackage...) throws {
        let directory = try TemporaryDirectory(prefix: "provision-solving")
        let repositories = packages.isEmpty ? [] : [try FixtureRepository(in: directory.path, packages)]
        self.directory = directory
        self.repositories = repositories
    }

    mutating func add(
        _ id: String, _ packages: [FixturePackage], priority: Int = 99, cost: Int = 1000, excludes: [String] = [],
        includes: [String] = []
    ) throws {
        var repository = try FixtureRepository(id, in: directory.path, packages)
        repository.source.priority = priority
        repository.source.cost = cost
        repository.source.excludes = excludes
        repository.source.includes = includes
        repositories.append(repository)
    }

    func request(_ specs: String..., adjust: (inout SolveRequest) -> Void = { _ in }) -> SolveRequest {
        var request = SolveRequest(
            repositories: repositories.map(\.source), specs: specs, architecture: "x86_64",
            cache: directory.path.appending("solv"))
        adjust(&request)
        return request
    }

    /// Files of the cache whose names end so, sorted.
    func cacheFiles(suffix: String) throws -> [FilePath] {
        let cache = directory.path.appending("solv")
        return try Files.names(in: cache).filter { $0.hasSuffix(suffix) }.map { cache.appending($0) }
    }

    func solve(_ specs: String..., adjust: (inout SolveRequest) -> Void = { _ in }) throws -> Solution {
        try answer(specs, adjust).get()
    }

    /// The NEVRAs of the answer, sorted.
    func names(_ specs: String..., adjust: (inout SolveRequest) -> Void = { _ in }) throws -> [String] {
        try answer(specs, adjust).get().plan.packages.map(\.nevra.description).sorted()
    }

    /// The error of a request that can't be satisfied.
    func refusal(_ specs: String..., adjust: (inout SolveRequest) -> Void = { _ in }) throws -> ProvisionError? {
        switch try answer(specs, adjust) {
        case .success: nil
        case .failure(let error): error
        }
    }

    /// Asked twice: out of all packages, and then out of those that an index finds, which must be the same.
    private func answer(
        _ specs: [String], _ adjust: (inout SolveRequest) -> Void
    ) throws -> Result<Solution, ProvisionError> {
        var request = request()
        request.specs = specs
        adjust(&request)
        func ask() throws -> Result<Solution, ProvisionError> {
            do {
                return .success(try Solving.solve(request, progress: SilentProgress()))
            } catch let error as ProvisionError {
                return .failure(error)
            }
        }
        let first = try ask()
        let second = try ask()
        switch (first, second) {
        case (.success(let one), .success(let other)): #expect(one == other, "the index gives another answer")
        case (.failure(let one), .failure(let other)):
            #expect("\(one) \(one.causes)" == "\(other) \(other.causes)", "the index gives another refusal")
        default: Issue.record("only one of two questions is answered: \(first), \(second)")
        }
        return second
    }
}
