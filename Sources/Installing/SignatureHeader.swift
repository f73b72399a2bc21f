internal import CRpm
internal import Diagnostics

/// The signature header of a package file, read for what librpm won't tell: which signatures are there, by whom, over what.
///
/// The verdict on them is librpm's. This is the file format's second part (rpm's docs, "Package format"): after a lead of 96
/// bytes an index of entries and their data, all of it before the header that the signatures cover.
struct SignatureHeader: Equatable {
    struct Signature: Equatable {
        enum Range: Equatable { case header, headerAndPayload }
        var range: Range
        /// Sixteen hexadecimal digits, upper case.
        var keyID: String
        /// The hash's number in OpenPGP (RFC 4880, 9.4).
        var hash: UInt32

        /// SHA-256, SHA-384 and SHA-512: what nobody can find collisions for.
        var isStrong: Bool { (8...10).contains(hash) }
        var hashName: String {
            switch hash {
            case 1: "MD5"
            case 2: "SHA1"
            case 3: "RIPEMD160"
            case 8: "SHA256"
            case 9: "SHA384"
            case 10: "SHA512"
            case 11: "SHA224"
            default: "hash \(hash)"
            }
        }
    }

    var signatures: [Signature]
    /// Where it ends in the file and the header that is signed begins: it is padded to eight bytes.
    var end: Int

    /// Most bytes of a lead and a signature header: rpm's own limit for the latter is 64 MiB, real ones have about 6 KiB.
    static let limit = 1 << 20

    private enum Tag {
        static let region: UInt32 = 62
        static let signatures: [UInt32: Signature.Range] = [
            267: .header, 268: .header, 1002: .headerAndPayload, 1005: .headerAndPayload,
        ]
    }

    /// `bytes` are the first of a package file, up to `limit`.
    ///
    /// - Throws: a sentence without its object where the bytes are no package, or where a signature stands outside of the
    ///   header's region or twice: librpm and others then disagree on which one counts (CVE-2021-3421, CVE-2021-20271).
    init(_ bytes: [UInt8]) throws(Malformed) {
        guard bytes.count >= 112, bytes.starts(with: [0xed, 0xab, 0xee, 0xdb]) else {
            throw Malformed("is not an rpm package")
        }
        guard bytes[96...].starts(with: [0x8e, 0xad, 0xe8, 0x01]) else { throw Malformed("has no signature header") }
        let entryCount = Int(SignatureHeader.number(bytes, 104))
        let dataLength = Int(SignatureHeader.number(bytes, 108))
        let data = 112 + entryCount * 16
        guard (1...64).contains(entryCount), dataLength <= SignatureHeader.limit, data + dataLength <= bytes.count else {
            throw Malformed("has a signature header of an impossible size")
        }
        func entry(at offset: Int) -> (tag: UInt32, type: UInt32, offset: Int, count: Int) {
            (
                SignatureHeader.number(bytes, offset), SignatureHeader.number(bytes, offset + 4),
                Int(Int32(bitPattern: SignatureHeader.number(bytes, offset + 8))),
                Int(SignatureHeader.number(bytes, offset + 12))
            )
        }
        let region = entry(at: 112)
        guard region.tag == Tag.region, region.count == 16, region.offset >= 0, region.offset + 16 <= dataLength else {
            throw Malformed("has a signature header without a region")
        }
        // The region's trailer gives the length of its index, negative.
        let covered = -entry(at: data + region.offset).offset / 16
        var found: [UInt32: Signature] = [:]
        for index in 0..<entryCount {
            let item = entry(at: 112 + index * 16)
            guard let range = Tag.signatures[item.tag] else { continue }
            guard index < covered else { throw Malformed("has a signature outside of its signature header's region") }
            guard found[item.tag] == nil else { throw Malformed("has one signature twice") }
            guard item.type == 7, item.offset >= 0, item.count > 0, item.offset + item.count <= dataLength else {
                throw Malformed("has a damaged signature")
            }
            found[item.tag] = try SignatureHeader.parse(
                Array(bytes[(data + item.offset)..<(data + item.offset + item.count)]), range: range)
        }
        signatures = found.sorted { $0.key < $1.key }.map(\.value)
        end = (data + dataLength + 7) / 8 * 8
    }

    struct Malformed: Error, Equatable {
        let complaint: String
        init(_ complaint: String) { self.complaint = complaint }
    }

    private static func parse(_ packets: [UInt8], range: Signature.Range) throws(Malformed) -> Signature {
        var parameters: OpaquePointer?
        guard pgpPrtParams(packets, packets.count, UInt32(PGPTAG_SIGNATURE.rawValue), &parameters) == 0,
            let id = pgpDigParamsSignID(parameters)
        else { throw Malformed("has a signature that is no OpenPGP signature") }
        defer { pgpDigParamsFree(parameters) }
        return Signature(
            range: range, keyID: uppercaseHexadecimal(UnsafeBufferPointer(start: id, count: 8)),
            hash: pgpDigParamsAlgo(parameters, UInt32(PGPVAL_HASHALGO.rawValue)))
    }

    /// Four bytes, most significant first.
    private static func number(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
