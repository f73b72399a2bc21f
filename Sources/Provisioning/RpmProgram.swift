internal import Diagnostics
internal import System
internal import SystemPackage

/// The host's rpm, asked about a root.
struct RpmProgram {
    let root: FilePath
    /// In the root.
    let database: String

    /// All packages in the words of a query format; see rpm(8).
    ///
    /// - Throws: `.unsupported` where the host has no rpm, `.failed` where it can't read the database.
    func query(_ format: String) throws(ProvisionError) -> String {
        let output = try run(["-qa", "--qf", format])
        guard output.status.succeeded else { throw failure(output) }
        return output.text
    }

    func run(_ arguments: [String]) throws(ProvisionError) -> ProgramOutput {
        // No home directory: its .rpmmacros are none of the root's. The C locale: rpm translates "missing".
        try runProgram(
            ["rpm", "--root", root.string, "--dbpath", database] + arguments,
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"], limit: 256 << 20)
    }

    func failure(_ output: ProgramOutput) -> ProvisionError {
        ProvisionError(
            .failed, "rpm cannot read the database \"\(database)\" of \"\(root)\"",
            causes: output.standardError.split(separator: "\n").suffix(3).map(String.init))
    }
}
