internal import Diagnostics
internal import Glibc
internal import Layers
internal import System

/// cpio's newc format; see cpio(5) and Linux' Documentation/driver-api/early-userspace/buffer-format.rst.
///
/// Inode numbers count from 1 in the archive's order and the device is 0:0. The content of a hard-linked file comes with its last
/// path, as GNU cpio wants it.
struct NewcEncoder: ArchiveEncoder {
    static let linkedDataComesLast = true
    static func carries(attribute: String) -> Bool { false }
    func carries(time: Int64) -> Bool { 0...Int64(UInt32.max) ~= time }
    var carriesHoles: Bool { false }

    func header(of archived: ArchiveEntry) throws(ProvisionError) -> [UInt8] {
        let entry = archived.entry
        guard archived.dataSize <= UInt64(UInt32.max) else {
            throw ProvisionError(
                .unsupported, "\"\(entry.path)\" is larger than the cpio format can hold (4 GiB)", hint: "pack it as .tar.zst")
        }
        var type: UInt32
        var device = (major: UInt32(0), minor: UInt32(0))
        switch entry.kind {
        case .file: type = S_IFREG
        case .directory: type = S_IFDIR
        case .link: type = S_IFLNK
        case .fifo: type = S_IFIFO
        case .socket: type = S_IFSOCK
        case .character(let number):
            type = S_IFCHR
            device = (number.major, number.minor)
        case .block(let number):
            type = S_IFBLK
            device = (number.major, number.minor)
        }
        return record(
            name: archived.name,
            fields: [
                archived.number, type | entry.mode, entry.owner, entry.group,
                UInt32(entry.kind == .directory ? 2 : archived.link?.count ?? 1),
                UInt32(min(max(entry.modified, 0), Int64(UInt32.max))), UInt32(archived.dataSize), 0, 0, device.major,
                device.minor,
            ])
    }

    func padding(after size: UInt64) -> Int { size.missing(to: 4) }

    func trailer(at offset: UInt64) -> [UInt8] {
        let end = record(name: Array("TRAILER!!!".utf8), fields: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        // cpio reads blocks of 512 bytes.
        return end + [UInt8](repeating: 0, count: (offset + UInt64(end.count)).missing(to: 512))
    }

    private func record(name: [UInt8], fields: [UInt32]) -> [UInt8] {
        var bytes = Array("070701".utf8)
        for field in fields + [UInt32(name.count + 1), 0] {
            let digits = String(field, radix: 16)
            bytes += Array(repeating: UInt8(ascii: "0"), count: 8 - digits.utf8.count) + digits.utf8
        }
        bytes += name + [0]
        return bytes + [UInt8](repeating: 0, count: UInt64(bytes.count).missing(to: 4))
    }
}
