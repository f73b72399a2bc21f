internal import Diagnostics
public import Model
internal import System
internal import SystemPackage

/// What gpgv makes of a detached signature.
public enum SignatureVerdict: Sendable, Hashable {
    /// Made by a trusted key (its primary fingerprint) over exactly this data.
    case good(fingerprint: String)
    case bad(keyID: String)
    /// By a key that is not among the trusted ones.
    case noKey(keyID: String)
    case expiredKey(keyID: String)
    case revokedKey(keyID: String)
    case expiredSignature(keyID: String)
    /// Not a signature that gpgv can read.
    case unreadable(String)

    /// What is wrong, as a clause with the key's id; nil where nothing is.
    public var complaint: String? {
        switch self {
        case .good: nil
        case .bad(let id): "the signature by key \(id) does not fit the content"
        case .noKey(let id): "it is signed by key \(id), which is not trusted here"
        case .expiredKey(let id): "it is signed by key \(id), which has expired"
        case .revokedKey(let id): "it is signed by key \(id), which is revoked"
        case .expiredSignature(let id): "the signature by key \(id) has expired"
        case .unreadable(let reason): "the signature can't be read: \(reason)"
        }
    }
}

/// Checks a detached signature (armoured or not) over `data` by gpgv with `keys` and no others.
///
/// Of several signatures one good one is enough, unless another is bad.
///
/// - Throws: `.unsupported` where gpgv isn't installed. A signature that doesn't hold is not an error here.
public func verifyDetached(signature: [UInt8], data: [UInt8], keys: [TrustedKey]) throws -> SignatureVerdict {
    let directory = try TemporaryDirectory(prefix: "provision-gpgv")
    let ring = directory.path.appending("ring.gpg")
    let signatureFile = directory.path.appending("signature")
    let dataFile = directory.path.appending("data")
    let certificates = try keys.flatMap { key in
        try OpenPGP.certificates(in: Array(key.armored.utf8), source: "the key \(key.fingerprint)").flatMap { $0 }
    }
    try Files.write(certificates, to: ring)
    try Files.write(signature, to: signatureFile)
    try Files.write(data, to: dataFile)
    let output = try runProgram([
        "gpgv", "--homedir", directory.path.string, "--status-fd", "1", "--keyring", ring.string, signatureFile.string,
        dataFile.string,
    ])
    let verdicts = verdicts(status: output.text)
    let trusted = Set(keys.map(\.fingerprint))
    if let bad = verdicts.first(where: { if case .bad = $0 { true } else { false } }) { return bad }
    let good = verdicts.first { if case .good(let primary) = $0 { trusted.contains(primary) } else { false } }
    if let good { return good }
    let reason = output.standardError.split(separator: "\n").last.map(String.init) ?? "gpgv gave no reason"
    return verdicts.first { if case .good = $0 { false } else { true } } ?? .unreadable(reason)
}

/// One verdict for each signature in gpgv's status lines (gnupg's doc/DETAILS).
func verdicts(status: String) -> [SignatureVerdict] {
    var result: [SignatureVerdict] = []
    var isGood = false
    for line in status.split(separator: "\n") {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 2, words[0] == "[GNUPG:]" else { continue }
        let id = words.count > 2 ? words[2] : ""
        switch words[1] {
        case "NEWSIG": isGood = false
        case "GOODSIG": isGood = true
        // VALIDSIG also follows EXPKEYSIG and REVKEYSIG: only after GOODSIG it says that all is well.
        case "VALIDSIG": if isGood { result.append(.good(fingerprint: words.last ?? "")) }
        case "BADSIG": result.append(.bad(keyID: id))
        case "EXPKEYSIG": result.append(.expiredKey(keyID: id))
        case "REVKEYSIG": result.append(.revokedKey(keyID: id))
        case "EXPSIG": result.append(.expiredSignature(keyID: id))
        case "ERRSIG":
            // ERRSIG keyid pkalgo hashalgo class time reason: 9 is a missing key, 4 an unknown algorithm.
            let missing = words.count > 7 && words[7] == "9"
            result.append(missing ? .noKey(keyID: id) : .unreadable("gpgv doesn't know its algorithm (key \(id))"))
        default: break
        }
    }
    return result
}
