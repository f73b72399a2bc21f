import FoundationEssentials
import Glibc
import System
import SystemPackage

/// The built `provision` with a state and a cache of its own.
struct Program: Sendable {
    let state: FilePath
    let cache: FilePath
    /// A folder with config/ and repos/ other than the checkout.
    let configuration: FilePath?

    /// Beside the test bundle, in the build folder.
    static let path: FilePath = {
        let bundle = (try? Files.canonical("/proc/self/exe")) ?? "/"
        return bundle.removingLastComponent().appending("provision")
    }()

    static let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .removingLastComponent()

    init(in directory: FilePath, cache: FilePath? = nil, configuration: FilePath? = nil) {
        self.configuration = configuration
        state = directory.appending("state")
        self.cache = cache ?? directory.appending("cache")
    }

    func arguments(_ words: [String]) -> [String] {
        let (own, passed) = words.firstIndex(of: "--").map { (words[..<$0], words[$0...]) } ?? (words[...], [])
        let places =
            ["--state", state.string, "--cache", cache.string] + (configuration.map { ["--config", $0.string] } ?? [])
        return [Self.path.string] + own + places + passed
    }

    /// Runs it to its end.
    func run(_ words: String..., input: String = "") throws -> ProgramOutput {
        try runProgram(arguments(words), input: Array(input.utf8))
    }

    /// Runs it with --json and decodes the answer.
    func json<Answer: Decodable>(_ type: Answer.Type = Answer.self, _ words: [String]) throws -> Answer {
        let output = try runProgram(arguments(words + ["--json"]))
        do {
            return try JSONDecoder().decode(type, from: Data(output.standardOutput))
        } catch {
            throw TestFailure("\(words.joined(separator: " ")): \(error)\n\(output.text)\n\(output.standardError)")
        }
    }

    /// Runs it and expects it to fail: its status and the error's document.
    func failure(_ words: [String]) throws -> (status: Int32, error: ErrorDocument.Body) {
        let output = try runProgram(arguments(words + ["--json"]))
        guard case .exited(let status) = output.status, status != 0 else {
            throw TestFailure("\(words.joined(separator: " ")) ended with \(output.status): \(output.text)")
        }
        return (status, try JSONDecoder().decode(ErrorDocument.self, from: Data(output.standardOutput)).error)
    }

    /// Runs it and expects it to succeed: what it printed.
    @discardableResult
    func succeed(_ words: [String]) throws -> String {
        let output = try runProgram(arguments(words))
        guard output.status.succeeded else {
            throw TestFailure("\(words.joined(separator: " ")): \(output.status)\n\(output.text)\n\(output.standardError)")
        }
        return output.text
    }

    /// Starts it in the background.
    func start(_ words: [String]) throws -> Background {
        let log = state.removingLastComponent().appending("log-\(words[0])-\(UInt32.random(in: 0 ... .max))")
        return try Background(arguments(words), output: log)
    }

    func layers() throws -> [ListingDocument.Layer] {
        try json(ListingDocument.self, ["list"]).layers
    }

    /// What is being built, or was left by a build that died.
    var stagings: [String] {
        get throws {
            let directory = state.appending("staging")
            return Files.exists(directory) ? try Files.names(in: directory) : []
        }
    }

    /// A layer's merged view, read-only, as long as `body` runs.
    func withMounted<Result>(_ layer: String, _ body: (FilePath) throws -> Result) throws -> Result {
        let directory = state.removingLastComponent().appending("mnt-\(layer)")
        try Files.makeDirectory(directory)
        try succeed(["mount", layer, directory.string])
        let result: Result
        do {
            result = try body(directory)
        } catch {
            try succeed(["umount", directory.string])
            throw error
        }
        try succeed(["umount", directory.string])
        return result
    }
}

/// A failure of a test's own surroundings, in words.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// `base`, `app` and `plan` under --json, as far as tests look at it.
struct BuildDocument: Decodable {
    struct Package: Decodable, Equatable {
        var name: String
        var version: String
        var release: String
        var arch: String
        var epoch: Int
        var repo: String
        var sha256: String?
        var size: UInt64
        var installedSize: UInt64
        var reason: String
        var requiredBy: String?

        /// As `rpm -qa --qf '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}'` writes it.
        var label: String { "\(name)-\(epoch):\(version)-\(release).\(arch)" }
    }
    struct Patch: Decodable {
        var name: String
        var outcome: String
        var detail: String
    }

    var name: String
    var kind: String
    var release: String
    var path: String?
    var digest: String?
    var reused: Bool
    var packages: [Package]
    var downloadBytes: UInt64
    var downloadedBytes: UInt64
    var installedBytes: UInt64
    var layerBytes: UInt64?
    var patches: [Patch]
    var warnings: [String]
    var seconds: [String: Double]
}

struct ErrorDocument: Decodable {
    struct Body: Decodable {
        var code: String
        var message: String
        var hint: String?
        var causes: [String]
    }
    var error: Body
}

struct ListingDocument: Decodable {
    struct Layer: Decodable {
        var name: String
        var size: UInt64
        var digest: String
        var parent: String?
    }
    var layers: [Layer]
}
