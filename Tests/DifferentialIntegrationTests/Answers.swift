import Diagnostics
import FoundationEssentials
import Glibc
import Layers
import Model
import Provisioning
import System
import SystemPackage

/// What one of the two says to a request.
enum Answer: Equatable, CustomStringConvertible {
    /// `NEVRA REPOSITORY` of each package, sorted.
    case packages([String])
    case refusal(String)

    var description: String {
        switch self {
        case .packages(let packages): packages.isEmpty ? "nothing to do" : packages.joined(separator: ", ")
        case .refusal(let text): "refused: \(text)"
        }
    }

    /// Refusals are worded differently; that both refuse is what counts.
    func agrees(with other: Answer) -> Bool {
        switch (self, other) {
        case (.packages(let ours), .packages(let theirs)): ours == theirs
        case (.refusal, .refusal): true
        default: false
        }
    }
}

/// Answers by provision's `plan` work flow, in this process: configuration, metadata, groups, modules and solver. Package files
/// are looked at by a process that the program starts of itself, so those requests are put to the program.
struct OwnAnswers {
    private let builder: Builder
    private let catalog: Context
    private let places: [String]
    private let configuration: FilePath
    private let kind: BuildRequest.Kind

    /// - Parameters:
    ///   - directory: holds the state and the cache.
    ///   - root: a root with packages to plan on top of; nil for an empty one.
    init(directory: FilePath, configuration: FilePath, root: FilePath?) throws {
        let state = directory.appending("state")
        let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let cache = directory.appending("cache")
        catalog = try Context(
            state: state.string, cache: cache.string, config: checkout.string, progress: SilentProgress())
        builder = Builder(context: catalog)
        places = ["--state", state.string, "--cache", cache.string, "--config", checkout.string]
        self.configuration = configuration
        kind = root == nil ? .base : .app(on: "installed")
        if let root { try Self.makeLayer(of: root, state: state) }
    }

    /// - Parameter words: specs, `--setopt=KEY=VALUE` among them; or one of `--modules`, `--groups` and `--visible`, which ask
    ///   what the repositories hold.
    func answer(_ words: [String]) throws -> Answer {
        if let listing = try listing(words) { return .packages(listing) }
        let settings = words.filter { $0.hasPrefix("--setopt=") }.map { String($0.dropFirst(9)) }
        let specs = words.filter { !$0.hasPrefix("--setopt=") }
        if specs.contains(where: isPackageFile) { return try programsAnswer(specs, settings) }
        var request = BuildRequest(kind: kind, name: "answer")
        request.yumConfiguration = configuration
        request.settings = settings
        request.specs = specs.filter { !$0.hasPrefix("@") }
        request.groups = specs.filter { $0.hasPrefix("@") }.map { String($0.dropFirst()) }
        do {
            let packages = try builder.plan(request).packages
            return .packages(packages.map { "\($0.nevra) \($0.repository)" }.sorted())
        } catch let error as ProvisionError where error.code == .unsatisfiable || error.code == .unreachable {
            return .refusal("\(error): \(error.causes.joined(separator: "; "))")
        }
    }

    private func programsAnswer(_ specs: [String], _ settings: [String]) throws -> Answer {
        struct Plan: Decodable {
            struct Package: Decodable {
                var name, version, release, arch, repo: String
                var epoch: UInt32
            }
            var packages: [Package]
        }
        let program = try Files.canonical("/proc/self/exe").removingLastComponent().appending("provision").string
        let kind = kind == .base ? ["base", "--name", "answer"] : ["app", "--on", "installed"]
        let output = try runProgram(
            [program, "plan"] + kind + specs + ["-c", configuration.string, "--json"]
                + settings.flatMap { ["--setopt", $0] } + places)
        if output.status == .exited(3) { return .refusal(output.text) }
        guard output.status.succeeded else { throw FixtureFailure("\(specs): \(output.text)\(output.standardError)") }
        let plan = try JSONDecoder().decode(Plan.self, from: Data(output.standardOutput))
        return .packages(
            plan.packages.map { package in
                let nevra = NEVRA(
                    name: package.name, epoch: package.epoch, version: package.version, release: package.release,
                    arch: package.arch)
                return "\(nevra) \(package.repo)"
            }.sorted())
    }

    // MARK: - What the repositories hold

    private func listing(_ words: [String]) throws -> [String]? {
        guard let word = words.first, words.count == 1, word.hasPrefix("--") else { return nil }
        var request = BuildRequest(kind: .base, name: "")
        request.yumConfiguration = configuration
        let catalog = try Catalog(request, context: self.catalog)
        switch word {
        case "--modules":
            return try catalog.modules().map { module in
                let profiles = module.profiles.map { $0.name + ($0.isDefault ? " [d]" : "") }.joined(separator: ", ")
                return "\(module.repository) \(module.name) \(module.stream)\(module.isDefault ? " [d]" : ""): \(profiles)"
            }.sorted()
        case "--groups":
            let listing = try catalog.groups()
            let groups = listing.groups.map { group in
                let members = group.members.map { "\($0.kind) \($0.name)" }.sorted()
                return "\(group.id) \(group.name) \(group.visible): \(members.joined(separator: ", "))"
            }
            let environments = listing.environments.map { "\($0.id) \($0.name): \($0.groups.sorted().joined(separator: ", "))" }
            return (groups + environments).sorted()
        case "--visible":
            return try catalog.packages(matching: "*-*-*.*").filter { $0.notInstallable == nil }
                .map { "\($0.nevra) \($0.repository)" }.sorted()
        default: return nil
        }
    }

    private static func makeLayer(of root: FilePath, state: FilePath) throws {
        let store = LayerStore(state: state)
        let staging = try store.stage("a fixture's root")
        try Files.makeDirectory(staging.tree.appending("var/lib/rpm"))
        try Files.copyContents(
            root.appending("var/lib/rpm/rpmdb.sqlite"), to: staging.tree.appending("var/lib/rpm/rpmdb.sqlite"))
        _ = try store.commit(staging, rules: .none) { measure in
            LayerManifest(
                name: "installed", kind: .base, release: "custom", arch: "x86_64", parent: nil, digest: measure.digest,
                request: measure.digest, command: "a fixture", created: 0,
                database: .init(path: "/var/lib/rpm", backend: "sqlite"), yumConfiguration: nil, packages: [], patches: [],
                warnings: [], size: measure.size, fileCount: measure.fileCount)
        }
    }
}

/// One process that is dnf, asked many questions.
struct Oracle: ~Copyable {
    struct Question: Encodable {
        var name: String
        var configuration: String
        var root: String
        var cache: String
        /// It enables modules by request: what one request does must not stay for the next.
        var modular: Bool
        var requests: [[String]]
    }

    private struct Line: Decodable {
        struct One: Decodable {
            var packages: [String]?
            var error: String?
        }
        var name: String
        var answers: [One]
    }

    private var process: ChildProcess
    private let directory: FilePath

    init(_ questions: [Question], in directory: FilePath) throws {
        self.directory = directory
        let encoder = JSONEncoder()
        let lines = try questions.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
        try Files.write(lines.joined(), to: directory.appending("questions"))
        let script = FilePath(#filePath).removingLastComponent().appending("Oracle/dnf-oracle.py")
        // dnf is a module of the host's own Python.
        process = try ChildProcess(
            [
                "/usr/bin/python3", script.string, directory.appending("questions").string,
                directory.appending("answers").string,
            ])
    }

    /// By the question's name, in the order of its requests.
    mutating func finish() throws -> [String: [Answer]] {
        guard process.wait()?.succeeded == true else { throw FixtureFailure("the oracle failed; what it said is above") }
        var result: [String: [Answer]] = [:]
        for line in try Files.readText(directory.appending("answers"), limit: 1 << 30).split(separator: "\n") {
            let answered = try JSONDecoder().decode(Line.self, from: Data(line.utf8))
            result[answered.name] = answered.answers.map { one in
                one.packages.map { .packages($0) } ?? .refusal(one.error ?? "")
            }
        }
        return result
    }
}
