internal import CZstd
internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A zstd frame with an older version as its prefix, as `zstd --patch-from` makes and reads it.
enum DifferenceFrame {
    /// Level 9 makes the difference of an rpm database a tenth smaller (10.1 KB of 11.0) and takes four times as long.
    private static let level: Int32 = 3
    private static let chunkSize = 1 << 17

    /// Writes the frame of what `ranges` of `file` hold, one after another, to the position of `output`.
    ///
    /// - Throws: `.failed` with zstd's words; `.interrupted`.
    static func compress(
        _ file: FileDescriptor, _ ranges: [Range<UInt64>], prefix: [UInt8], to output: FileDescriptor, path: FilePath
    ) throws(ProvisionError) {
        let size = ranges.byteCount
        guard let context = ZSTD_createCCtx() else { throw failed("there is not enough memory") }
        defer { ZSTD_freeCCtx(context) }
        for (parameter, value) in [
            (ZSTD_c_compressionLevel, level), (ZSTD_c_windowLog, windowLog(size, prefix)),
            // Finds what is far away in the prefix.
            (ZSTD_c_enableLongDistanceMatching, 1),
        ] {
            try check(ZSTD_CCtx_setParameter(context, parameter, value), failed)
        }
        try check(ZSTD_CCtx_setPledgedSrcSize(context, size), failed)
        try withBuffers { (chunk, made) throws(ProvisionError) in
            try prefix.withUnsafeBufferPointer { (bytes) throws(ProvisionError) in
                try check(ZSTD_CCtx_refPrefix(context, bytes.baseAddress, bytes.count), failed)
                func step(_ count: Int, _ directive: ZSTD_EndDirective) throws(ProvisionError) {
                    var input = ZSTD_inBuffer(src: chunk.baseAddress, size: count, pos: 0)
                    var rest = 0
                    repeat {
                        var frame = ZSTD_outBuffer(dst: made.baseAddress, size: made.count, pos: 0)
                        rest = ZSTD_compressStream2(context, &frame, &input, directive)
                        try check(rest, failed)
                        try Files.write(Array(made[..<frame.pos])[...], to: output.rawValue, path: path)
                    } while input.pos < input.size || (directive == ZSTD_e_end && rest > 0)
                }
                for range in ranges {
                    var offset = range.lowerBound
                    while offset < range.upperBound {
                        try Interruption.check()
                        let wanted = min(chunk.count, Int(range.upperBound - offset))
                        let count = try file.readFully(chunk.baseAddress!, wanted, at: offset)
                        // It shrank meanwhile: zstd says that less came than was said.
                        if count == 0 { break }
                        try step(count, ZSTD_e_continue)
                        offset += UInt64(count)
                    }
                }
                try step(0, ZSTD_e_end)
            }
        }
    }

    /// Gives `consume` what the frame that begins at `offset` of `file` holds, piece by piece.
    ///
    /// - Parameter size: bytes that it must hold; not one more is given away.
    /// - Throws: `.verification` with zstd's words for a frame that is damaged, has another size or was made with another prefix than
    ///   this, and where something follows it; `.interrupted`; what `consume` throws.
    static func decompress(
        _ file: FileDescriptor, at offset: UInt64, prefix: [UInt8], size: UInt64, path: FilePath,
        _ consume: (ArraySlice<UInt8>) throws(ProvisionError) -> Void
    ) throws(ProvisionError) {
        func broken(_ why: String) -> ProvisionError {
            ProvisionError(
                .verification, "the difference \"\(path)\" doesn't hold what it is to hold", hint: "nothing was made",
                causes: [why])
        }
        guard let context = ZSTD_createDCtx() else { throw failed("there is not enough memory") }
        defer { ZSTD_freeDCtx(context) }
        // A frame that asks for more memory (16 MiB for a small one) is none of ours.
        try check(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, max(windowLog(size, prefix), 24)), broken)
        try withBuffers { (chunk, made) throws(ProvisionError) in
            try prefix.withUnsafeBufferPointer { (bytes) throws(ProvisionError) in
                try check(ZSTD_DCtx_refPrefix(context, bytes.baseAddress, bytes.count), broken)
                var (offset, given, rest) = (offset, UInt64(0), 1)
                while true {
                    try Interruption.check()
                    let count = try file.readFully(chunk.baseAddress!, chunk.count, at: offset)
                    offset += UInt64(count)
                    if count == 0 { break }
                    var input = ZSTD_inBuffer(src: chunk.baseAddress, size: count, pos: 0)
                    var frame = ZSTD_outBuffer(dst: made.baseAddress, size: made.count, pos: 0)
                    repeat {
                        if rest == 0 { throw broken("something follows the frame") }
                        frame.pos = 0
                        rest = ZSTD_decompressStream(context, &frame, &input)
                        try check(rest, broken)
                        given += UInt64(frame.pos)
                        guard given <= size else { throw broken("it holds more than \(size) bytes") }
                        try consume(Array(made[..<frame.pos])[...])
                        // A full buffer: there may be more to come of the same input.
                    } while input.pos < input.size || (frame.pos == frame.size && rest > 0)
                }
                guard rest == 0, given == size else { throw broken("it ends after \(given) of \(size) bytes") }
            }
        }
    }

    /// Two buffers of a chunk each.
    private static func withBuffers(
        _ body: (UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer) throws(ProvisionError) -> Void
    ) throws(ProvisionError) {
        let buffers = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * chunkSize, alignment: 4096)
        defer { buffers.deallocate() }
        try body(
            UnsafeMutableRawBufferPointer(rebasing: buffers[..<chunkSize]),
            UnsafeMutableRawBufferPointer(rebasing: buffers[chunkSize...]))
    }

    /// As `zstd --patch-from` has it: the prefix is within the window as long as anything may refer to it.
    private static func windowLog(_ size: UInt64, _ prefix: [UInt8]) -> Int32 {
        let largest = max(size, UInt64(prefix.count), 1)
        return min(max(Int32(64 - largest.leadingZeroBitCount), 10), 31)
    }

    private static func failed(_ why: String) -> ProvisionError {
        ProvisionError(.failed, "zstd can't make a difference", causes: [why])
    }

    private static func check(_ result: Int, _ error: (String) -> ProvisionError) throws(ProvisionError) {
        if ZSTD_isError(result) != 0 { throw error(String(cString: ZSTD_getErrorName(result))) }
    }
}
