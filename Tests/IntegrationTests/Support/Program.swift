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
        let output = try runProgram(arguments(["--json"] + words))
        do {
            return try JSONDecoder().decode(type, from: Data(output.standardOutput))
        } catch {
            throw TestFailure("\(words.joined(separator: " ")): \(error)\n\(output.text)\n\(output.standardError)")
        }
    }

    /// Runs it and expects it to fail: its status and the error's document.
    func failure(_ words: [String]) throws -> (status: Int32, error: ErrorDocument.Body) {
        let output = try runProgram(arguments(["--json"] + words))
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
    func start(_ words: [String], cgroups: [FileDescriptor] = []) throws -> Background {
        let log = state.removingLastComponent().appending("log-\(words[0])-\(UInt32.random(in: 0 ... .max))")
        return try Background(arguments(words), output: log, cgroups: cgroups)
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
