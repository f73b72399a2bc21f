/// A signing key as a configuration names it: never the key itself.
public struct KeyReference: Codable, Sendable, Hashable {
    /// Where its owner publishes it: https, http or file URL.
    public var url: String
    /// Its file's name under a host's key directories; nil for a key that only its URL names.
    public var fileName: String?
    /// Forty hexadecimal digits, upper case, of the primary key; nil where a hand-written yum.conf gives only `gpgkey`.
    public var fingerprint: String?

    public init(url: String, fileName: String? = nil, fingerprint: String? = nil) {
        self.url = url
        self.fileName = fileName
        self.fingerprint = fingerprint
    }
}

/// A public key that was found and, where a fingerprint is pinned, has it.
public struct TrustedKey: Codable, Sendable, Hashable {
    /// Forty hexadecimal digits, upper case.
    public var fingerprint: String
    /// The first user id, for messages.
    public var userID: String
    /// One ASCII-armoured certificate.
    public var armored: String
    /// Fingerprints of its subkeys, upper case.
    public var subkeys: [String]

    public init(fingerprint: String, userID: String, armored: String, subkeys: [String] = []) {
        self.fingerprint = fingerprint
        self.userID = userID
        self.armored = armored
        self.subkeys = subkeys
    }
}
