import Foundation
import Glibc
import Model
import System
import SystemPackage

/// Makes real RPMs from spec files and signs them with keys of its own; all of it goes with the value.
final class PackageFactory {
    private let directory: TemporaryDirectory
    var path: FilePath { directory.path }
    private var keyHome: FilePath { path.appending("gnupg") }

    init() throws {
        directory = try TemporaryDirectory(prefix: "factory")
    }

    deinit {
        if Files.exists(keyHome) { _ = try? runProgram(["gpgconf", "--homedir", keyHome.string, "--kill", "all"]) }
    }

    /// An empty directory below the factory's own.
    func makeDirectory(_ name: String) throws -> FilePath {
        try Files.makeDirectory(path.appending(name))
        return path.appending(name)
    }

    /// Builds a package. `install` is a shell script that fills $RPM_BUILD_ROOT; `sections` are spec sections as they are.
    func package(
        _ name: String, version: String = "1", install: String = "", files: [String] = [], sections: String = "",
        header: String = ""
    ) throws -> FilePath {
        let specification = """
            Name: \(name)
            Version: \(version)
            Release: 1
            Summary: Package \(name) of a test
            License: none
            BuildArch: noarch
            AutoReqProv: no
            \(header)
            %description
            A package that a test made.
            %install
            mkdir -p $RPM_BUILD_ROOT
            \(install)
            \(sections)
            %files
            \(files.joined(separator: "\n"))
            """
        let file = path.appending("\(name).spec")
        try Files.write(specification + "\n", to: file)
        let top = path.appending("rpmbuild")
        try runChecked([
            "rpmbuild", "-bb", "--quiet", "--define", "_topdir \(top)", "--define", "__os_install_post %{nil}", "--define",
            "_build_id_links none", "--define", "_binary_payload w3.gzdio", "--define",
            "_binaries_in_noarch_packages_terminate_build %{nil}", file.string,
        ])
        return top.appending("RPMS/noarch/\(name)-\(version)-1.noarch.rpm")
    }

    /// /bin/sh and a few tools: a static busybox, so that scriptlets run in an otherwise empty root.
    func shell(header: String = "") throws -> FilePath {
        let applets = ["sh", "cat", "ls", "echo", "mkdir", "test", "sleep", "readlink", "stat", "ip", "hostname", "id", "grep"]
        let links = applets.map { "ln -s busybox $RPM_BUILD_ROOT/bin/\($0)" }.joined(separator: "\n")
        return try package(
            "shell",
            install: "mkdir -p $RPM_BUILD_ROOT/bin\ncp $(which busybox) $RPM_BUILD_ROOT/bin/busybox\n\(links)",
            files: ["/bin/*"], header: header)
    }

    /// Makes an RSA key without a passphrase.
    func key(_ owner: String) throws -> TrustedKey {
        try Files.makeDirectory(keyHome, mode: 0o700)
        let gpg = ["gpg", "--homedir", keyHome.string, "--batch", "--quiet"]
        try runChecked(gpg + ["--passphrase", "", "--quick-generate-key", owner, "rsa2048", "sign", "never"])
        let listing = try runChecked(gpg + ["--with-colons", "--list-keys", owner]).text
        let fingerprint = listing.split(separator: "\n").first { $0.hasPrefix("fpr:") }!.split(separator: ":").last!
        let armored = try runChecked(gpg + ["--armor", "--export", String(fingerprint)]).text
        return TrustedKey(fingerprint: String(fingerprint), userID: owner, armored: armored)
    }

    /// Signs a package file in place. `digest` is gpg's name of the hash.
    func sign(_ package: FilePath, by key: TrustedKey, digest: String = "sha256") throws {
        try runChecked([
            "rpmsign", "--define", "__gpg \(try ChildProcess.locate("gpg"))", "--define", "_gpg_name \(key.fingerprint)",
            "--define", "_gpg_path \(keyHome)", "--define",
            "_gpg_digest_algo \(digest)", "--addsign", package.string,
        ])
    }

    /// Signs any file, as `FILE.asc`.
    func signDetached(_ file: FilePath, by key: TrustedKey) throws {
        try runChecked([
            "gpg", "--homedir", keyHome.string, "--batch", "--yes", "--quiet", "--armor", "--local-user", key.fingerprint,
            "--output", file.string + ".asc", "--detach-sign", file.string,
        ])
    }

    /// A copy of a package with its bytes edited.
    func copy(_ package: FilePath, named name: String, _ edit: (inout [UInt8]) throws -> Void) throws -> FilePath {
        var bytes = try Files.read(package)
        try edit(&bytes)
        let result = path.appending(name)
        try Files.write(bytes, to: result)
        return result
    }
}
