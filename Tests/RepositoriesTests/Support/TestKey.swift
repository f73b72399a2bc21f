import System
import SystemPackage

/// A signing key made on the spot by gpg, in a home of its own.
struct TestKey: ~Copyable {
    private let home: TemporaryDirectory
    let fingerprint: String

    /// - Parameter expiry: as gpg takes it: `0` for never, `seconds=1`, a date.
    init(_ user: String, expiry: String = "0", extra: [String] = []) throws {
        let home = try TemporaryDirectory(prefix: "gpg")
        try runChecked(
            TestKey.gpg(home.path) + extra + ["--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", expiry])
        let listing = try runChecked(TestKey.gpg(home.path) + ["--with-colons", "--list-keys"]).text
        fingerprint =
            listing.split(separator: "\n").first { $0.hasPrefix("fpr") }.map { line in
                String(line.split(separator: ":", omittingEmptySubsequences: false)[9])
            } ?? ""
        self.home = home
    }

    deinit {
        // The agent that making a key started; it goes by itself when its home is removed, but not at once.
        _ = try? runProgram(["gpgconf", "--homedir", home.path.string, "--kill", "all"])
    }

    private static func gpg(_ home: FilePath) -> [String] { ["gpg", "--homedir", home.string, "--batch", "--yes", "--quiet"] }

    func exported() throws -> [UInt8] { try runChecked(TestKey.gpg(home.path) + ["--armor", "--export"]).standardOutput }

    func sign(_ data: [UInt8], extra: [String] = []) throws -> [UInt8] {
        try runChecked(TestKey.gpg(home.path) + extra + ["--armor", "--detach-sign"], input: data).standardOutput
    }

    /// Makes it valid for ever.
    func prolong() throws { try runChecked(TestKey.gpg(home.path) + ["--quick-set-expire", fingerprint, "0"]) }

    /// Revokes it by the certificate that gpg made beside it.
    func revoke() throws {
        let path = home.path.appending("openpgp-revocs.d").appending("\(fingerprint).rev")
        // gpg puts a colon before the block, so that nobody imports it by mistake.
        let certificate = try Files.readText(path).replacing(":-----BEGIN", with: "-----BEGIN")
        try runChecked(TestKey.gpg(home.path) + ["--import"], input: Array(certificate.utf8))
    }
}
