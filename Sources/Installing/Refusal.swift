internal import Diagnostics
internal import Model

/// The sentences that say why a package is not installed. Each names the package and its repository, and the key if there is one.
struct Refusal {
    let package: InstallJob.PackageFile

    private var subject: String {
        if let label = package.label { return "the package file \"\(label)\"" }
        return "package \"\(package.nevra)\" of repository \"\(package.repository)\""
    }

    private var isNamed: Bool { package.label != nil }

    func changed(_ found: String, _ expected: String) -> ProvisionError {
        refuse(
            isNamed ? "is not the file that it was" : "is not the file that the repository's metadata names",
            [isNamed ? "\(found), instead of \(expected)" : "\(found), the metadata says \(expected)"],
            hint: "remove \"\(package.path)\" and try again: it is then downloaded anew")
    }

    func unsigned(trusted: [TrustedKey]) -> ProvisionError {
        let keys = trusted.isEmpty ? [] : ["the keys that are trusted for it: \(names(of: trusted))"]
        return refuse(
            "is not signed", keys,
            hint: isNamed
                ? "if you know where it comes from, --no-gpgcheck takes it unchecked"
                : "if its packages are known to be unsigned, set gpgcheck=0 for this repository, and only for it")
    }

    func untrusted(keyID: String, knownAs known: TrustedKey?, trusted: [TrustedKey]) -> ProvisionError {
        if isNamed {
            return refuse(
                "is signed by the key \(keyID), which is not trusted",
                hint: trusted.isEmpty
                    ? "no enabled repository has a key that could be trusted"
                    : "trusted are those of the enabled repositories: \(names(of: trusted))")
        }
        let owner =
            known.map { ["that is the key \($0.fingerprint) of \($0.userID), trusted for other repositories only"] } ?? []
        return refuse(
            "is signed by the key \(keyID), which is not trusted for this repository", owner,
            hint: trusted.isEmpty
                ? "no key is trusted for this repository: name its key with gpgkey"
                : "trusted for it: \(names(of: trusted))")
    }

    func weak(hash: String) -> ProvisionError {
        refuse(
            "is signed by way of \(hash) only, which can be forged",
            hint: isNamed
                ? "ask its makers for a package signed with SHA-256; --no-gpgcheck takes it unchecked"
                : "ask its makers for packages signed with SHA-256, or set gpgcheck=0 for this repository and trust its metadata"
        )
    }

    func badSignature(_ complaints: [String]) -> ProvisionError { refuse("has a bad signature", complaints) }

    func damaged(_ complaints: [String]) -> ProvisionError {
        refuse(
            "does not agree with its own digests", complaints,
            hint: isNamed ? nil : "the repository itself holds a damaged package: tell its makers")
    }

    func anotherHeader() -> ProvisionError {
        refuse(
            "came with another header than the one that was fetched before it",
            hint: "a mirror may be out of step or tampered with: try again later, or another mirror")
    }

    /// `complaint` completes the sentence that begins with the package.
    func malformed(_ complaint: String) -> ProvisionError { refuse(complaint) }

    private func names(of keys: [TrustedKey]) -> String {
        keys.map { "\($0.fingerprint) (\($0.userID))" }.joined(separator: ", ")
    }

    private func refuse(_ complaint: String, _ causes: [String] = [], hint: String? = nil) -> ProvisionError {
        ProvisionError(.verification, "\(subject) \(complaint)", hint: hint, causes: causes)
    }
}
