internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// Bytes on their way into a descriptor, gathered into large writes.
struct ArchiveOutput: ~Copyable {
    private let descriptor: FileDescriptor
    private let name: String
    private var buffer: UnsafeMutableRawBufferPointer
    private var count = 0
    /// Bytes written so far, those still gathered too.
    private(set) var offset: UInt64 = 0
    /// A reader that went away: no error here, because it says itself why.
    private(set) var isBroken = false

    private var digester: Digester?

    /// - Parameter digests: whether `digest` is wanted in the end.
    init(_ descriptor: FileDescriptor, name: String, digests: Bool = false) {
        self.descriptor = descriptor
        self.name = name
        digester = digests ? .sha256 : nil
        buffer = .allocate(byteCount: 1 << 18, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    mutating func write(_ bytes: [UInt8]) throws(ProvisionError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if count == buffer.count { try flush() }
            let part = rest.prefix(buffer.count - count)
            part.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: $0) }
            advance(part.count)
            rest = rest.dropFirst(part.count)
        }
    }

    mutating func writeZeros(_ number: Int) throws(ProvisionError) {
        var rest = number
        while rest > 0 {
            if count == buffer.count { try flush() }
            let part = min(rest, buffer.count - count)
            UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count + part]).initializeMemory(as: UInt8.self, repeating: 0)
            advance(part)
            rest -= part
        }
    }

    /// Lets `fill` put bytes into free room (at least one byte) and say how many; returns that, 0 for none.
    mutating func write(
        atMost limit: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(ProvisionError) -> Int
    ) throws(ProvisionError) -> Int {
        if count == buffer.count { try flush() }
        let room = min(limit, buffer.count - count)
        let written = try fill(UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count + room]))
        advance(written)
        return written
    }

    /// The sha256 of all that was flushed.
    var digest: ContentDigest { (digester ?? .sha256).finalize() }

    mutating func flush() throws(ProvisionError) {
        digester?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        var start = 0
        while start < count, !isBroken {
            try Interruption.check()
            let written = Glibc.write(descriptor.rawValue, buffer.baseAddress! + start, count - start)
            if written < 0, errno == EINTR { continue }
            if written < 0, errno == EPIPE {
                isBroken = true
                break
            }
            start += Int(try check(written, "write", name))
        }
        count = 0
    }

    private mutating func advance(_ number: Int) {
        count += number
        offset += UInt64(number)
    }
}
