internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// The pages of a Berkeley database's file, as libdb's dbinc/db_page.h lays them out, so far as no reader looks at them.
///
/// libdb makes a page out of whatever its buffer held before and marks each file with where and when it was made (for those that
/// share it by an environment). Without both, the same packages make the same bytes.
enum BerkeleyPages {
    /// Where a page's parts are.
    private enum Offset {
        static let pageSize = 20, lastPage = 32, mark = 52
        static let entries = 20, highFree = 22, type = 25, index = 26
    }

    /// Bytes of a file that are looked at; a thousand packages make a tenth of that.
    private static let largest = 1 << 30

    private enum Kind: UInt8 {
        case free = 0
        case unsortedHash = 2
        case treeInternal = 3
        case treeLeaf = 5
        case overflow = 7
        case hash = 13
    }

    /// Empties what no reader looks at. A file in the other byte order, and one that isn't laid out as it should, stays as it is.
    ///
    /// - Parameter mark: twenty bytes, different for each file of a directory.
    static func normalise(_ path: FilePath, mark: [UInt8]) throws(ProvisionError) {
        let file = try check(open(path.string, O_RDWR | O_CLOEXEC | O_NOFOLLOW), "open", path)
        defer { close(file) }
        var meta = [UInt8](repeating: 0, count: 512)
        guard try check(pread(file, &meta, meta.count, 0), "read", path) == meta.count else { return }
        guard [0x61561, 0x53162].contains(word(meta, 12)) else { return }
        let size = word(meta, Offset.pageSize)
        guard (512...65536).contains(size), size & (size - 1) == 0 else { return }
        let last = word(meta, Offset.lastPage)
        // What a program of the root's says of its file may be anything.
        guard last < BerkeleyPages.largest / size else { return }
        try write(mark, to: file, at: Offset.mark, path)
        for number in 1..<(last + 1) {
            var page = [UInt8](repeating: 0, count: size)
            guard try check(pread(file, &page, size, number * size), "read", path) == size else { return }
            let before = page
            clear(&page)
            if page != before { try write(page, to: file, at: number * size, path) }
        }
    }

    /// Clears all of a page but its head, its index and the items that the index leads to.
    static func clear(_ page: inout [UInt8]) {
        guard let kind = Kind(rawValue: page[Offset.type]) else { return }
        var used = [0..<Offset.index]
        switch kind {
        case .free: break
        case .overflow: used.append(Offset.index..<Offset.index + half(page, Offset.highFree))
        case .hash, .unsortedHash, .treeInternal, .treeLeaf:
            let count = half(page, Offset.entries)
            guard Offset.index + 2 * count <= page.count else { return }
            used.append(Offset.index..<Offset.index + 2 * count)
            var end = page.count
            for entry in 0..<count {
                let start = half(page, Offset.index + 2 * entry)
                let parts = kind == .hash || kind == .unsortedHash ? hashItem(page, start, end) : treeItem(page, start, kind)
                guard let parts else { return }
                used += parts
                end = start
            }
        }
        guard used.allSatisfy({ $0.upperBound <= page.count }) else { return }
        var cleared = [UInt8](repeating: 0, count: page.count)
        for range in used { cleared.replaceSubrange(range, with: page[range]) }
        page = cleared
    }

    /// An item lies before the one of the entry before; those that lead to overflow pages (H_OFFPAGE, H_OFFDUP) have three bytes
    /// that mean nothing.
    private static func hashItem(_ page: [UInt8], _ start: Int, _ end: Int) -> [Range<Int>]? {
        guard start >= Offset.index, start < end, end <= page.count else { return nil }
        guard page[start] == 3 || page[start] == 4 else { return [start..<end] }
        return start + 12 <= page.count ? [start..<start + 1, start + 4..<start + 12] : nil
    }

    /// Items say how long they are (BKEYDATA, BINTERNAL), or lead to overflow pages (BOVERFLOW).
    private static func treeItem(_ page: [UInt8], _ start: Int, _ kind: Kind) -> [Range<Int>]? {
        guard start >= Offset.index, start + 12 <= page.count || kind == .treeLeaf, start + 3 <= page.count else { return nil }
        let leadsAway = page[start + 2] & 0x7f == 3
        if kind == .treeInternal {
            let data = start + 12
            let length = half(page, start)
            guard leadsAway else { return [start..<start + 3, start + 4..<data + length] }
            return [start..<start + 3, start + 4..<data, data + 2..<data + 3, data + 4..<data + 12]
        }
        if leadsAway { return [start + 2..<start + 3, start + 4..<start + 12] }
        return [start..<start + 3 + half(page, start)]
    }

    private static func half(_ bytes: [UInt8], _ at: Int) -> Int { Int(bytes[at]) | Int(bytes[at + 1]) << 8 }
    private static func word(_ bytes: [UInt8], _ at: Int) -> Int { half(bytes, at) | half(bytes, at + 2) << 16 }

    private static func write(
        _ bytes: [UInt8], to file: Int32, at offset: Int, _ path: FilePath
    ) throws(ProvisionError) {
        guard try check(pwrite(file, bytes, bytes.count, offset), "write", path) == bytes.count else {
            throw ProvisionError(.failed, "cannot write \"\(path)\": it took a part only")
        }
    }
}
