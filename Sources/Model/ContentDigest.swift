/// The digest of some bytes, written `algorithm:hex` as OCI does.
public struct ContentDigest: Hashable, Sendable, CustomStringConvertible {
    /// The digest types found in rpm-md metadata; `sha` there is an old name for sha1.
    public enum Algorithm: String, Sendable, Codable, CaseIterable {
        case md5, sha1, sha224, sha256, sha384, sha512

        /// Length of the hexadecimal form.
        public var hexLength: Int {
            switch self {
            case .md5: 32
            case .sha1: 40
            case .sha224: 56
            case .sha256: 64
            case .sha384: 96
            case .sha512: 128
            }
        }

        /// From repomd's `type` attribute; nil where it is unknown.
        public init?(rpmMetadataName name: String) {
            if name.lowercased() == "sha" { self = .sha1 } else { self.init(rawValue: name.lowercased()) }
        }
    }

    public let algorithm: Algorithm
    /// Lower case.
    public let hex: String

    /// nil unless `hex` has the algorithm's length and hexadecimal digits only.
    public init?(_ algorithm: Algorithm, hex: some StringProtocol) {
        // On bytes in a row: thousands are made while a tree is measured.
        var text = String(hex)
        let isLower: Bool? = text.withUTF8 { digits in
            guard digits.count == algorithm.hexLength else { return nil }
            if digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) { return true }
            return digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0 | 0x20) } ? false : nil
        }
        guard let isLower else { return nil }
        self.algorithm = algorithm
        self.hex = isLower ? text : text.lowercased()
    }

    /// From `algorithm:hex`.
    public init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let algorithm = Algorithm(rawValue: String(text[..<colon])) else {
            return nil
        }
        self.init(algorithm, hex: text[text.index(after: colon)...])
    }

    public var description: String { "\(algorithm.rawValue):\(hex)" }

    /// For tables: the first twelve hexadecimal digits.
    public var short: String { String(hex.prefix(12)) }
}

extension ContentDigest: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = ContentDigest(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is not a digest")
        }
        self = digest
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
