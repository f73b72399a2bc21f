internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// What gpg says of one certificate.
struct InspectedKey {
    var key: TrustedKey
    var isRevoked = false
    /// Seconds since 1970; nil where it never expires.
    var expires: Int64?
    var isExpired: Bool { expires.map { $0 <= Int64(time(nil)) } ?? false }

    /// All certificates of a key file, judged by gpg in a home of its own.
    ///
    /// - Parameter cache: where to keep what gpg says of a certificate, by the certificate's digest.
    /// - Throws: `.failed` where the file holds none, `.unsupported` where gpg isn't installed.
    static func all(in file: [UInt8], source: String, cache: KeyListings? = nil) throws(ProvisionError) -> [InspectedKey] {
        var result: [InspectedKey] = []
        for certificate in try OpenPGP.certificates(in: file, source: source) {
            if let listing = try cache?.listing(of: certificate),
                let key = InspectedKey(listing: listing, certificate: certificate)
            {
                result.append(key)
                continue
            }
            // One at a time: what gpg makes of one certificate can't be taken for another's.
            let home = try TemporaryDirectory(prefix: "provision-gpg")
            let output = try runProgram(
                [
                    "gpg", "--homedir", home.path.string, "--batch", "--no-tty", "--no-autostart", "--show-keys",
                    "--with-colons", "--fingerprint", "--fingerprint",
                ], input: certificate)
            guard output.status.succeeded, let key = InspectedKey(listing: output.text, certificate: certificate) else {
                throw ProvisionError(
                    .failed, "\(source) holds a certificate that gpg can't read",
                    causes: output.standardError.split(separator: "\n").suffix(3).map(String.init))
            }
            try cache?.keep(output.text, of: certificate)
            result.append(key)
        }
        return result
    }

    /// From gpg's colon format (its doc/DETAILS); nil unless it lists exactly one primary key.
    init?(listing: String, certificate: [UInt8]) {
        var primaries: [String] = []
        var subkeys: [String] = []
        var userID: String?
        var isPrimary = false
        for line in listing.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard fields.count > 9 else { continue }
            switch fields[0] {
            case "pub":
                isPrimary = true
                isRevoked = fields[1] == "r"
                expires = Int64(fields[6])
            case "sub": isPrimary = false
            case "fpr": if isPrimary { primaries.append(fields[9]) } else { subkeys.append(fields[9]) }
            case "uid": userID = userID ?? InspectedKey.unescaped(fields[9])
            default: break
            }
        }
        guard primaries.count == 1 else { return nil }
        key = TrustedKey(
            fingerprint: primaries[0].uppercased(), userID: userID ?? "", armored: OpenPGP.armored(certificate),
            subkeys: subkeys.map { $0.uppercased() })
    }

    /// gpg writes colons and control characters as `\x3a`.
    private static func unescaped(_ text: String) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "x"),
                let value = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
            {
                result.append(value)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
