import FoundationEssentials
import Glibc
import System
import SystemPackage

/// The built `provision` with a state and a cache of its own.
struct Program: Sendable {
    let state: FilePath
    let cache: FilePath

    /// Beside the test bundle, in the build folder.
    static let path: FilePath = {
        let bundle = (try? Files.canonical("/proc/self/exe")) ?? "/"
        return bundle.removingLastComponent().appending("provision")
    }()

    static let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .removingLastComponent()

    init(in directory: FilePath, cache: FilePath? = nil) {
        state = directory.appending("state")
        self.cache = cache ?? directory.appending("cache")
    }

    func arguments(_ words: [String]) -> [String] {
        let (own, passed) = words.firstIndex(of: "--").map { (words[..<$0], words[$0...]) } ?? (words[...], [])
        return [Self.path.string] + own + ["--state", state.string, "--cache", cache.string] + passed
    }

    /// Runs it to its end.
    func run(_ words: String..., input: [UInt8] = []) throws -> ProgramOutput {
        try runProgram(arguments(words), input: input)
    }

    /// Runs it with --json and decodes the answer.
    func json<Answer: Decodable>(_ type: Answer.Type = Answer.self, _ words: [String]) throws -> Answer {
        let output = try runProgram(arguments(words.contains("--") ? words : words + ["--json"]))
        do {
            return try JSONDecoder().decode(type, from: Data(output.standardOutput))
        } catch {
            throw TestFailure("\(words.joined(separator: " ")): \(error)\n\(output.text)\n\(output.standardError)")
        }
    }

    /// Starts it in the background, its output going to `log`.
    func start(_ words: [String], log: FilePath) throws -> ChildProcess {
        let file = try FileDescriptor.open(log, .readWrite, options: [.create, .append], permissions: [.ownerReadWrite])
        let nothing = try FileDescriptor.open("/dev/null", .readOnly)
        defer {
            try? file.close()
            try? nothing.close()
        }
        var options = ChildProcess.Options()
        options.descriptors = [0: nothing, 1: file, 2: file]
        options.newGroup = true
        return try ChildProcess(arguments(words), options: options)
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
