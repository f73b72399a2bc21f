internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// Where a file has data and where it has none.
public enum Holes {
    /// Smaller holes are not looked at, and larger ones in whole units: which blocks a file system leaves out differs, and the same
    /// file should be the same everywhere.
    static let unit: UInt64 = 1 << 16

    /// The ranges of a file of `size` bytes that hold data, in order; nil where it has no holes worth speaking of.
    public static func data(of file: FileDescriptor, size: UInt64) -> [Range<UInt64>]? {
        var status = stat()
        guard size >= unit, fstat(file.rawValue, &status) == 0, UInt64(status.st_blocks) * 512 < size else { return nil }
        defer { lseek(file.rawValue, 0, SEEK_SET) }
        var data: [Range<UInt64>] = []
        var position: UInt64 = 0
        while position < size {
            let hole = min(size, seek(file, position, seekHole) ?? size)
            let next = hole >= size ? size : min(size, seek(file, hole, seekData) ?? size)
            // Inwards to whole units; a hole that reaches the end ends there.
            let start = (hole + unit - 1) / unit * unit
            let end = next >= size ? size : next / unit * unit
            if start < end {
                append(&data, position..<start)
                position = end
            } else {
                append(&data, position..<max(next, position))
                position = max(next, position)
            }
        }
        let covered = data.reduce(0) { $0 + UInt64($1.count) }
        return covered == size ? nil : data
    }

    /// Makes everything but `data` a hole again. Only zeros are ever taken: a range with anything else in it is left alone.
    public static func punch(_ holes: [Range<UInt64>], in file: FileDescriptor, path: FilePath) throws(ProvisionError) {
        for hole in holes where !hole.isEmpty {
            guard try isZero(hole, in: file, path: path) else { continue }
            let result = provision_punch_hole(file.rawValue, Int64(hole.lowerBound), Int64(hole.count))
            // A file system without holes holds the zeros instead.
            if result < 0, errno != EOPNOTSUPP { throw systemError("make a hole in", path) }
        }
    }

    private static let seekData: Int32 = 3
    private static let seekHole: Int32 = 4

    private static func seek(_ file: FileDescriptor, _ offset: UInt64, _ whence: Int32) -> UInt64? {
        let result = lseek(file.rawValue, Int(offset), whence)
        return result < 0 ? nil : UInt64(result)
    }

    private static func append(_ data: inout [Range<UInt64>], _ range: Range<UInt64>) {
        if range.isEmpty { return }
        if let last = data.last, last.upperBound == range.lowerBound {
            data[data.count - 1] = last.lowerBound..<range.upperBound
        } else {
            data.append(range)
        }
    }

    private static func isZero(_ range: Range<UInt64>, in file: FileDescriptor, path: FilePath) throws(ProvisionError) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var position = Int(range.lowerBound)
        while position < Int(range.upperBound) {
            let count = pread(file.rawValue, &buffer, min(buffer.count, Int(range.upperBound) - position), position)
            if count < 0, errno == EINTR { continue }
            try check(count, "read", path)
            if count == 0 { return true }
            guard buffer[..<count].allSatisfy({ $0 == 0 }) else { return false }
            position += count
        }
        return true
    }
}
