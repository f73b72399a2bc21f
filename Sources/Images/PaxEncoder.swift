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
        if !isUTF8(name) || !isUTF8(target) { record("hdrcharset", Array("BINARY".utf8)) }

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
        var block = UstarBlock()
        func number(_ value: UInt64, _ field: UstarBlock.Field, _ key: String) {
            if !block.put(value, field) { record(key, Array(String(value).utf8)) }
        }
        number(UInt64(entry.owner), .owner, "uid")
        number(UInt64(entry.group), .group, "gid")
        number(archived.dataSize, .size, "size")
        if entry.modified < 0 { record("mtime", Array(String(entry.modified).utf8)) }
        number(UInt64(max(entry.modified, 0)), .modified, "mtime")
        if archived.link.map(\.isFirst) ?? true {
            for attribute in entry.attributes where writesAll || PaxEncoder.carries(attribute: attribute.name) {
                record("SCHILY.xattr." + attribute.name, attribute.value)
            }
        }

        switch entry.kind {
        case .file: block.type = UInt8(ascii: archived.link.map(\.isFirst) ?? true ? "0" : "1")
        case .directory: block.type = UInt8(ascii: "5")
        case .link: block.type = UInt8(ascii: "2")
        case .fifo: block.type = UInt8(ascii: "6")
        case .character(let device): block.set(device, type: UInt8(ascii: "3"))
        case .block(let device): block.set(device, type: UInt8(ascii: "4"))
        case .socket:
            throw ProvisionError(.unsupported, "\"\(entry.path)\" is a socket, which the tar format can't hold")
        }
        _ = block.put(UInt64(entry.mode), .mode)
        block.put(split?.prefix ?? [], .prefix)
        block.put(split?.name ?? name[..<100], .name)
        block.put(target[..<min(target.count, 100)], .target)
        if records.isEmpty { return block.sealed() }
        var extended = UstarBlock()
        extended.type = UInt8(ascii: "x")
        extended.put(PaxEncoder.extendedName, .name)
        for (value, field) in [(0o644, .mode), (0, .owner), (0, .group), (0, .modified)] as [(UInt64, UstarBlock.Field)] {
            _ = extended.put(value, field)
        }
        _ = extended.put(UInt64(records.count), .size)
        return extended.sealed() + records + [UInt8](repeating: 0, count: UInt64(records.count).missing(to: 512))
            + block.sealed()
    }

    private static let extendedName = Array("PaxHeader".utf8)[...]

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
    static func split(_ name: [UInt8]) -> (prefix: ArraySlice<UInt8>, name: ArraySlice<UInt8>)? {
        if name.count <= 100 { return ([], name[...]) }
        // The last byte may be a directory's slash, at which nothing is divided.
        for index in name.indices.dropLast() where name[index] == UInt8(ascii: "/") && name.count - index - 1 <= 100 {
            return index <= 155 && index > 0 ? (name[..<index], name[(index + 1)...]) : nil
        }
        return nil
    }

    private func isASCII(_ bytes: [UInt8]) -> Bool { bytes.allSatisfy { $0 < 0x80 } }
    private func isUTF8(_ bytes: [UInt8]) -> Bool { isASCII(bytes) || String(validating: bytes, as: UTF8.self) != nil }
}
