internal import Diagnostics
internal import FoundationEssentials

/// As much of OpenPGP (RFC 4880) as it takes to tell one certificate in a key file from the next. What a certificate says and
/// whether it holds is gpg's to judge.
enum OpenPGP {
    private static let blockBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
    private static let blockEnd = "-----END PGP PUBLIC KEY BLOCK-----"

    /// The certificates of a key file, armoured (any number of blocks, text around them) or not, each without armour.
    ///
    /// - Parameter source: what messages call the file.
    static func certificates(in file: [UInt8], source: String) throws(ProvisionError) -> [[UInt8]] {
        let isBinary = file.first.map { $0 & 0x80 != 0 } ?? false
        let packets = isBinary ? file : try unarmored(String(decoding: file, as: UTF8.self), source: source)
        var result: [[UInt8]] = []
        var rest = packets[...]
        while !rest.isEmpty {
            guard let (tag, length) = packet(rest), length <= rest.count else {
                throw ProvisionError(.failed, "\(source) is not an OpenPGP key file, or it is cut short")
            }
            if tag == publicKeyTag { result.append([]) }
            guard !result.isEmpty else {
                throw ProvisionError(.failed, "\(source) holds something else before its first OpenPGP public key")
            }
            result[result.count - 1] += rest.prefix(length)
            rest = rest.dropFirst(length)
        }
        guard !result.isEmpty else { throw ProvisionError(.failed, "\(source) holds no OpenPGP public key") }
        return result
    }

    private static let publicKeyTag: UInt8 = 6

    /// The tag and whole length of the packet at the start; nil where it has none or an indeterminate one.
    private static func packet(_ bytes: ArraySlice<UInt8>) -> (tag: UInt8, length: Int)? {
        let start = bytes.startIndex
        guard let first = bytes.first, first & 0x80 != 0 else { return nil }
        func number(at offset: Int, octets: Int) -> Int? {
            guard bytes.count >= offset + octets else { return nil }
            return bytes[start + offset..<start + offset + octets].reduce(0) { $0 << 8 | Int($1) }
        }
        if first & 0x40 == 0 {
            let octets = [1, 2, 4, 0][Int(first & 3)]
            guard octets > 0, let body = number(at: 1, octets: octets) else { return nil }
            return ((first >> 2) & 15, 1 + octets + body)
        }
        guard let lead = number(at: 1, octets: 1) else { return nil }
        switch lead {
        case 0..<192: return (first & 63, 2 + lead)
        case 192..<224:
            guard let second = number(at: 2, octets: 1) else { return nil }
            return (first & 63, 3 + ((lead - 192) << 8) + second + 192)
        case 255:
            guard let body = number(at: 2, octets: 4) else { return nil }
            return (first & 63, 6 + body)
        default: return nil
        }
    }

    private static func unarmored(_ text: String, source: String) throws(ProvisionError) -> [UInt8] {
        var result: [UInt8] = []
        var body: String?
        var inHeaders = false
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(\.trimmed) {
            if line == blockBegin {
                (body, inHeaders) = ("", true)
            } else if line == blockEnd, let encoded = body {
                guard let data = Data(base64Encoded: encoded) else {
                    throw ProvisionError(.failed, "\(source) has a damaged OpenPGP block")
                }
                result += data
                body = nil
            } else if inHeaders {
                // The headers end at an empty line; some tools leave both out.
                if line.isEmpty { inHeaders = false } else if !line.contains(": ") { (body, inHeaders) = (line, false) }
            } else if !line.hasPrefix("=") {
                body?.append(line)
            }
        }
        guard body == nil else { throw ProvisionError(.failed, "\(source) is cut short: an OpenPGP block doesn't end") }
        return result
    }

    /// One certificate as text, with the checksum that rpm insists on.
    static func armored(_ certificate: [UInt8]) -> String {
        var encoded = Data(certificate).base64EncodedString()[...]
        var lines = [blockBegin, ""]
        while !encoded.isEmpty {
            lines.append(String(encoded.prefix(64)))
            encoded = encoded.dropFirst(64)
        }
        let sum = checksum(certificate)
        lines.append("=" + Data([UInt8(sum >> 16 & 255), UInt8(sum >> 8 & 255), UInt8(sum & 255)]).base64EncodedString())
        return (lines + [blockEnd, ""]).joined(separator: "\n")
    }

    /// CRC-24 of RFC 4880, section 6.1.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = 0xb704ce
        for byte in bytes {
            sum ^= UInt32(byte) << 16
            for _ in 0..<8 {
                sum <<= 1
                if sum & 0x100_0000 != 0 { sum ^= 0x186_4cfb }
            }
        }
        return sum & 0xff_ffff
    }
}
