import Testing

@testable import Installing

/// Hostile signature headers: each must be refused with a sentence, none may read past its end.
@Suite("Signature headers")
struct SignatureHeaderTests {
    /// A package's first bytes: lead, then a signature header of these entries and this data.
    private func bytes(_ entries: [[UInt32]], data: [UInt8], count: UInt32? = nil, length: UInt32? = nil) -> [UInt8] {
        func number(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        let lead: [UInt8] = [0xed, 0xab, 0xee, 0xdb] + Array(repeating: 0, count: 92)
        let intro: [UInt8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0]
        return lead + intro + number(count ?? UInt32(entries.count)) + number(length ?? UInt32(data.count))
            + entries.flatMap { $0.flatMap(number) } + data
    }

    /// A region over `entries` index entries, its trailer at the start of the data.
    private func trailer(over entries: Int32) -> [UInt8] {
        let offset = UInt32(bitPattern: -entries * 16)
        return [0, 0, 0, 62, 0, 0, 0, 7] + (0..<4).map { UInt8(truncatingIfNeeded: offset >> (24 - 8 * $0)) } + [0, 0, 0, 16]
    }

    private func complaint(_ bytes: [UInt8]) -> String? {
        do {
            _ = try SignatureHeader(bytes)
            return nil
        } catch {
            return error.complaint
        }
    }

    @Test("a region without signatures is an unsigned package")
    func unsigned() throws {
        #expect(try SignatureHeader(bytes([[62, 7, 0, 16]], data: trailer(over: 1))).signatures == [])
    }

    @Test("what is too short, or no package")
    func noPackage() {
        #expect(complaint([]) == "is not an rpm package")
        #expect(complaint(Array(repeating: 0, count: 200)) == "is not an rpm package")
    }

    @Test("an index or data larger than the file")
    func oversized() {
        #expect(complaint(bytes([], data: [], count: 0xffff_ffff)) == "has a signature header of an impossible size")
        #expect(
            complaint(bytes([[62, 7, 0, 16]], data: trailer(over: 1), length: 0xffff_ffff))
                == "has a signature header of an impossible size")
        #expect(complaint(bytes([], data: [])) == "has a signature header of an impossible size")
    }

    @Test("no region, or a region that points out of the data")
    func noRegion() {
        #expect(complaint(bytes([[268, 7, 0, 1]], data: [0])) == "has a signature header without a region")
        for offset: UInt32 in [1, 0x7fff_ffff, 0xffff_fff0] {
            #expect(
                complaint(bytes([[62, 7, offset, 16]], data: trailer(over: 1))) == "has a signature header without a region")
        }
    }

    @Test("a signature after the region's end")
    func outsideRegion() {
        let entries: [[UInt32]] = [[62, 7, 0, 16], [268, 7, 16, 1]]
        #expect(
            complaint(bytes(entries, data: trailer(over: 1) + [0]))
                == "has a signature outside of its signature header's region")
    }

    @Test("a signature that points out of the data, or is none")
    func damagedSignature() {
        for place: [UInt32] in [[16, 2], [0x7fff_ffff, 1], [0xffff_fff0, 1], [16, 0xffff_ffff]] {
            let entries: [[UInt32]] = [[62, 7, 0, 16], [268, 7] + place]
            #expect(complaint(bytes(entries, data: trailer(over: 2) + [0])) == "has a damaged signature")
        }
        #expect(
            complaint(bytes([[62, 7, 0, 16], [268, 7, 16, 1]], data: trailer(over: 2) + [0]))
                == "has a signature that is no OpenPGP signature")
    }
}
