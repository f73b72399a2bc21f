import Diagnostics
import Layers
import System
import SystemPackage
import Testing

@testable import Images

struct EncoderTests {
    private func entry(
        _ name: String, _ kind: TreeEntry.Kind = .file, size: UInt64 = 0, owner: UInt32 = 0, modified: Int64 = 7,
        attributes: [ExtendedAttribute] = []
    ) -> ArchiveEntry {
        let entry = TreeEntry(
            path: TreePath(name), kind: kind, mode: 0o644, owner: owner, size: size, modified: modified, attributes: attributes)
        return ArchiveEntry(entry: entry, name: Array(name.utf8), dataSize: size, link: nil, number: 3)
    }

    @Test("a newc header is thirteen numbers of eight digits behind the magic, the name padded to four bytes")
    func newc() throws {
        var archived = entry("etc/hosts", size: 10, owner: 0x3e8)
        archived.link = .init(count: 2, firstName: [], isFirst: true)
        let text = String(decoding: try NewcEncoder().header(of: archived), as: UTF8.self)
        #expect(
            text == "070701" + "00000003" + "000081a4" + "000003e8" + "00000000" + "00000002" + "00000007" + "0000000a"
                + "00000000" + "00000000" + "00000000" + "00000000" + "0000000a" + "00000000" + "etc/hosts\0")
        #expect(NewcEncoder().padding(after: 10) == 2)
        let trailer = NewcEncoder().trailer(at: 100)
        #expect((100 + trailer.count) % 512 == 0)
    }

    @Test("cpio can't hold a file of 4 GiB: the error says what can")
    func large() {
        let error = #expect(throws: ProvisionError.self) {
            try NewcEncoder().header(of: entry("big", size: 1 << 32))
        }
        #expect(error?.code == .unsupported)
        #expect(error?.hint == "pack it as .tar.zst")
    }

    @Test("the length of a pax record counts its own digits")
    func records() {
        #expect(String(decoding: PaxEncoder.record("path", Array("ab".utf8)), as: UTF8.self) == "11 path=ab\n")
        // No record has a hundred bytes: with two digits for the length it would, and then it needs three.
        for (value, length) in [(90, 99), (91, 101)] {
            let record = PaxEncoder.record("path", [UInt8](repeating: 0x61, count: value))
            #expect(record.count == length)
            #expect(String(decoding: record.prefix { $0 != 0x20 }, as: UTF8.self) == String(length))
        }
    }

    @Test("long names are divided at a slash where ustar can hold them, and go into a record where not")
    func names() throws {
        let half = String(repeating: "a", count: 90)
        #expect(PaxEncoder.split(Array("\(half)/\(half)".utf8))?.prefix.elementsEqual(half.utf8) == true)
        #expect(PaxEncoder.split([UInt8](repeating: 0x61, count: 101)) == nil)
        let header = try PaxEncoder().header(of: entry(String(repeating: "a", count: 101)))
        #expect(header.count == 3 * 512)
        #expect(header[156] == UInt8(ascii: "x"))
        #expect(String(decoding: header[512..<522], as: UTF8.self) == "111 path=a")
    }

    @Test("what ustar's digits can't hold goes into records")
    func numbers() throws {
        let header = try PaxEncoder().header(of: entry("a", size: 1 << 33, owner: 1 << 21, modified: -5))
        let records = String(decoding: header[512..<1024].prefix { $0 != 0 }, as: UTF8.self)
        #expect(records == "15 uid=2097152\n19 size=8589934592\n12 mtime=-5\n")
    }

    @Test("attributes go into tar's records, access lists and all of cpio's into the sidecar")
    func attributes() throws {
        let attributes = [
            ExtendedAttribute(name: "security.capability", value: [1, 0, 0x0a]),
            ExtendedAttribute(name: "system.posix_acl_access", value: [2]),
        ]
        let header = try PaxEncoder().header(of: entry("a", attributes: attributes))
        #expect(Array(header[512..<552]) == Array("40 SCHILY.xattr.security.capability=".utf8) + [1, 0, 0x0a, 0x0a])
        let file = entry("a", attributes: attributes).entry
        let tree = Tree(root: "/", entries: [TreeEntry(path: .root, kind: .directory, mode: 0o755), file])
        let tar = try AttributeSidecar(of: tree, lostBy: PaxEncoder())
        #expect(tar.entries.map { Array($0.attributes.keys) } == [["system.posix_acl_access"]])
        let cpio = try AttributeSidecar(of: tree, lostBy: NewcEncoder())
        #expect(cpio.entries.first?.attributes.count == 2)
        #expect(try AttributeSidecar(decoding: cpio.encoded()) == cpio)
    }
}
