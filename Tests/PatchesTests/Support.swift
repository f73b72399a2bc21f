import Diagnostics
import Model
import System
import SystemPackage
import Testing

@testable import Patches

let shippedPatches = PatchCatalog(
    directory: FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .appending("config/patches"))

let shippedNames = [
    "gpgcheck", "machine-id", "pam-loginuid", "pam-selinux", "resolv-conf", "root-password", "securetty",
]

/// A small root in a temporary directory, with a host's directory beside it that nothing may touch.
final class FakeRoot {
    private let directory: TemporaryDirectory
    var path: FilePath { directory.path.appending("root") }
    var host: FilePath { directory.path.appending("host") }

    init(_ files: [String: String] = [:]) throws {
        directory = try TemporaryDirectory(prefix: "provision-patches")
        try Files.makeDirectory(directory.path.appending("root"))
        try Files.makeDirectory(directory.path.appending("host"))
        for (path, content) in files { try write(path, content) }
    }

    func write(_ path: String, _ content: String, mode: UInt32 = 0o644) throws {
        let file = self.path.appending(path)
        try Files.makeDirectory(file.removingLastComponent())
        try Files.write(content, to: file, mode: mode)
    }

    func link(_ path: String, to target: String) throws {
        try RootedDirectory(self.path).makeLink(path, to: target)
    }

    func read(_ path: String) throws -> String? {
        try Files.readIfPresent(self.path.appending(path)).map { String(decoding: $0, as: UTF8.self) }
    }

    func status(_ path: String) throws -> RootedDirectory.Status? { try RootedDirectory(self.path).status(path) }

    /// Applies a shipped patch.
    func apply(_ name: String, value: String? = nil) throws -> PatchReport {
        try #require(try PatchApplication([(try shippedPatches.load(name), value)]).apply(to: path).first)
    }

    /// Applies a patch that consists of these edits.
    func apply(edits: String) throws -> PatchReport {
        try #require(try PatchApplication([(patch(edits), nil)]).apply(to: path).first)
    }
}

func patch(_ edits: String, extra: String = "") throws -> Patch {
    try Patch(name: "test", parsing: "summary = \"s\"\nwhy = \"w\"\n\(extra)\n\(edits)", path: "test.toml")
}

/// What `body` throws; a test failure where it throws nothing.
func failure(_ body: () throws -> some Any, at location: SourceLocation = #_sourceLocation) throws -> ProvisionError {
    do {
        let value = try body()
        Issue.record("nothing was thrown; the result is \(value)", sourceLocation: location)
        throw ProvisionError(.failed, "nothing was thrown")
    } catch let error as ProvisionError {
        return error
    }
}
