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

/// Answers by provision's `plan` work flow, in this process: configuration, metadata, groups, modules and solver.
struct OwnAnswers {
    private let builder: Builder
    private let configuration: FilePath
    private let kind: BuildRequest.Kind

    /// - Parameters:
    ///   - directory: holds the state and the cache.
    ///   - root: a root with packages to plan on top of; nil for an empty one.
    init(directory: FilePath, configuration: FilePath, root: FilePath?) throws {
        let state = directory.appending("state")
        let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        builder = Builder(
            context: try Context(
                state: state.string, cache: directory.appending("cache").string, config: checkout.string,
                progress: SilentProgress()))
        self.configuration = configuration
        kind = root == nil ? .base : .app(on: "installed")
        if let root { try Self.makeLayer(of: root, state: state) }
    }

    func answer(_ specs: [String]) throws -> Answer {
        var request = BuildRequest(kind: kind, name: "answer")
        request.yumConfiguration = configuration
        request.specs = specs.filter { !$0.hasPrefix("@") }
        request.groups = specs.filter { $0.hasPrefix("@") }.map { String($0.dropFirst()) }
        do {
            let packages = try builder.plan(request).packages
            return .packages(packages.map { "\($0.nevra) \($0.repository)" }.sorted())
        } catch let error as ProvisionError where error.code == .unsatisfiable {
            return .refusal("\(error): \(error.causes.joined(separator: "; "))")
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
