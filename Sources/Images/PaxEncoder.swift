internal import Diagnostics
internal import Layers
internal import System

/// POSIX pax: ustar headers, and an extended header before those whose values ustar can't hold; see tar(5).
///
/// Extended attributes are `SCHILY.xattr.NAME` records, which star, GNU tar and libarchive read. Owners are numbers only. Names that
/// aren't UTF-8 are marked by `hdrcharset=BINARY`.
struct PaxEncoder: ArchiveEncoder {
    static let linkedDataComesLast = false
    let carriesHoles: Bool
    /// What is made of what is unpacked from it, and can't say every time.
    private let maker: FileSystemMaker?
    /// Writes access lists too: bsdtar leaves them alone, container runtimes set them.
    private let writesAll: Bool

    init(carriesHoles: Bool = true, maker: FileSystemMaker? = nil, writesAll: Bool = false) {
        self.carriesHoles = carriesHoles
        self.maker = maker
        self.writesAll = writesAll
    }

    func carries(time: Int64) -> Bool { maker.map { $0.nearest(to: time) == time } ?? true }

    /// Access lists are no plain attribute to libarchive, which skips `system.`.
    static func carries(attribute: String) -> Bool { !attribute.hasPrefix("system.") }

    func header(of archived: ArchiveEntry) throws(ProvisionError) -> [UInt8] {
        let entry = archived.entry
        var records: [UInt8] = []
        func record(_ key: String, _ value: [UInt8]) { records += PaxEncoder.record(key, value) }

        var name = archived.name
        if entry.kind == .directory { name.append(UInt8(ascii: "/")) }
        var target: [UInt8] = []
        if let link = archived.link, !link.isFirst { target = link.firstName }
        if case .link(let text) = entry.kind { target = text }
        if !(isUTF8(name) && isUTF8(target)) { record("hdrcharset", Array("BINARY".utf8)) }

        if let sparse = archived.sparse {
            record("GNU.sparse.major", [0x31])
            record("GNU.sparse.minor", [0x30])
            record("GNU.sparse.name", name)
            record("GNU.sparse.realsize", Array(String(sparse.size).utf8))
            // What a reader that doesn't know of holes makes of it: see GNU tar's manual.
            name = Array("GNUSparseFile.0/\(archived.number)".utf8)
        }
        let split = PaxEncoder.split(name)
        if split == nil || !isASCII(name) { record("path", name) }
        if target.count > 100 || !isASCII(target) { record("linkpath", target) }
        func number(_ value: UInt64, digits: Int, _ key: String) -> [UInt8] {
            let text = String(value, radix: 8)
            if text.utf8.count <= digits { return Array(repeating: 0x30, count: digits - text.utf8.count) + text.utf8 + [0] }
            record(key, Array(String(value).utf8))
            return Array(repeating: 0x30, count: digits) + [0]
        }
        let owner = number(UInt64(entry.owner), digits: 7, "uid")
        let group = number(UInt64(entry.group), digits: 7, "gid")
        let size = number(archived.dataSize, digits: 11, "size")
        if entry.modified < 0 { record("mtime", Array(String(entry.modified).utf8)) }
        let time = number(UInt64(max(entry.modified, 0)), digits: 11, "mtime")
        if archived.link.map(\.isFirst) ?? true {
            for attribute in entry.attributes where writesAll || PaxEncoder.carries(attribute: attribute.name) {
                record("SCHILY.xattr." + attribute.name, attribute.value)
            }
        }

        var type = UInt8(ascii: "0")
        var device: DeviceNumber?
        switch entry.kind {
        case .file: type = UInt8(ascii: archived.link.map(\.isFirst) ?? true ? "0" : "1")
        case .directory: type = UInt8(ascii: "5")
        case .link: type = UInt8(ascii: "2")
        case .fifo: type = UInt8(ascii: "6")
        case .character(let number): (type, device) = (UInt8(ascii: "3"), number)
        case .block(let number): (type, device) = (UInt8(ascii: "4"), number)
        case .socket:
            throw ProvisionError(.unsupported, "\"\(entry.path)\" is a socket, which the tar format can't hold")
        }
        let main = ustar(
            prefix: split?.prefix ?? [], name: split?.name ?? Array(name.prefix(100)),
            mode: number(UInt64(entry.mode), digits: 7, "mode"), owner: owner, group: group, size: size, time: time, type: type,
            target: Array(target.prefix(100)), device: device)
        if records.isEmpty { return main }
        let extended = ustar(
            prefix: [], name: Array("PaxHeader".utf8), mode: Array("0000644\0".utf8), owner: Array("0000000\0".utf8),
            group: Array("0000000\0".utf8), size: number(UInt64(records.count), digits: 11, "size"),
            time: Array("00000000000\0".utf8), type: UInt8(ascii: "x"), target: [], device: nil)
        return extended + records + [UInt8](repeating: 0, count: UInt64(records.count).missing(to: 512)) + main
    }

    func padding(after size: UInt64) -> Int { size.missing(to: 512) }

    func trailer(at offset: UInt64) -> [UInt8] {
        // Two blocks of zeros, and readers of tapes want records of twenty blocks.
        [UInt8](repeating: 0, count: 1024 + (offset + 1024).missing(to: 10240))
    }

    /// `LENGTH key=value\n`, where the length counts its own digits.
    static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(key)=".utf8) + value + [0x0a]
        var length = rest.count + 1
        while length != rest.count + String(length).utf8.count { length = rest.count + String(length).utf8.count }
        return Array(String(length).utf8) + rest
    }

    /// A name in ustar's two fields (155 and 100 bytes, divided at a slash); nil where it doesn't fit.
    static func split(_ name: [UInt8]) -> (prefix: [UInt8], name: [UInt8])? {
        if name.count <= 100 { return ([], name) }
        // The last byte may be a directory's slash, at which nothing is divided.
        for index in name.indices.dropLast() where name[index] == UInt8(ascii: "/") && name.count - index - 1 <= 100 {
            return index <= 155 && index > 0 ? (Array(name[..<index]), Array(name[(index + 1)...])) : nil
        }
        return nil
    }

    private func ustar(
        prefix: [UInt8], name: [UInt8], mode: [UInt8], owner: [UInt8], group: [UInt8], size: [UInt8], time: [UInt8],
        type: UInt8,
        target: [UInt8], device: DeviceNumber?
    ) -> [UInt8] {
        func field(_ bytes: [UInt8], _ width: Int) -> [UInt8] { bytes + [UInt8](repeating: 0, count: width - bytes.count) }
        func octal(_ value: UInt32) -> [UInt8] {
            let digits = String(value, radix: 8)
            return Array(repeating: 0x30, count: max(0, 7 - digits.utf8.count)) + digits.utf8 + [0]
        }
        let numbers = device.map { octal($0.major) + octal($0.minor) } ?? [UInt8](repeating: 0, count: 16)
        var bytes = field(name, 100) + mode + owner + group + size + time
        let checksumPlace = bytes.count
        bytes += Array("        ".utf8) + [type] + field(target, 100) + Array("ustar\u{0}00".utf8)
        bytes += [UInt8](repeating: 0, count: 64) + numbers + field(prefix, 155) + [UInt8](repeating: 0, count: 12)
        let sum = String(bytes.reduce(0) { $0 + Int($1) }, radix: 8)
        let digits = Array(repeating: UInt8(0x30), count: 6 - sum.utf8.count) + sum.utf8
        bytes.replaceSubrange(checksumPlace..<checksumPlace + 8, with: digits + [0, 0x20])
        return bytes
    }

    private func isASCII(_ bytes: [UInt8]) -> Bool { bytes.allSatisfy { $0 < 0x80 } }
    private func isUTF8(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }
}
