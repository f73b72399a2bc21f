internal import Crypto
public import Diagnostics
internal import Glibc
public import Model
public import SystemPackage

/// A digest that is fed piece by piece; the algorithm is chosen at run time, as metadata names it.
public struct Digester {
    private enum State {
        case md5(Insecure.MD5)
        case sha1(Insecure.SHA1)
        case sha256(SHA256)
        case sha384(SHA384)
        case sha512(SHA512)
        /// While it is updated: a hash that stands here as well would be copied.
        case taken
    }

    private var state: State
    public let algorithm: ContentDigest.Algorithm

    /// - Throws: `.unsupported` for sha224, which no one uses and the library doesn't have.
    public init(_ algorithm: ContentDigest.Algorithm) throws(ProvisionError) {
        self.algorithm = algorithm
        switch algorithm {
        case .md5: state = .md5(.init())
        case .sha1: state = .sha1(.init())
        case .sha256: state = .sha256(.init())
        case .sha384: state = .sha384(.init())
        case .sha512: state = .sha512(.init())
        case .sha224: throw ProvisionError(.unsupported, "digests of type sha224 are not supported")
        }
    }

    private init(sha256: SHA256) {
        algorithm = .sha256
        state = .sha256(sha256)
    }

    /// The one that needs no `try`.
    public static var sha256: Digester { Digester(sha256: SHA256()) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch state {
        case .md5(var hash):
            state = .taken
            hash.update(bufferPointer: bytes)
            state = .md5(hash)
        case .sha1(var hash):
            state = .taken
            hash.update(bufferPointer: bytes)
            state = .sha1(hash)
        case .sha256(var hash):
            state = .taken
            hash.update(bufferPointer: bytes)
            state = .sha256(hash)
        case .sha384(var hash):
            state = .taken
            hash.update(bufferPointer: bytes)
            state = .sha384(hash)
        case .sha512(var hash):
            state = .taken
            hash.update(bufferPointer: bytes)
            state = .sha512(hash)
        case .taken: preconditionFailure("a digest is updated by two at once")
        }
    }

    public mutating func update(_ text: String) {
        var text = text
        text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
    }

    public func finalize() -> ContentDigest {
        switch state {
        case .md5(let hash): digest(hash.finalize())
        case .sha1(let hash): digest(hash.finalize())
        case .sha256(let hash): digest(hash.finalize())
        case .sha384(let hash): digest(hash.finalize())
        case .sha512(let hash): digest(hash.finalize())
        case .taken: preconditionFailure("a digest is read while it is updated")
        }
    }

    private func digest(_ value: some Sequence<UInt8>) -> ContentDigest {
        ContentDigest(algorithm, hex: hexadecimal(value))!
    }
}

/// Lower-case hexadecimal digits.
public func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.underestimatedCount)
    for byte in bytes {
        let (high, low) = (byte >> 4, byte & 15)
        text.append(high < 10 ? 0x30 + high : 0x57 + high)
        text.append(low < 10 ? 0x30 + low : 0x57 + low)
    }
    return String(decoding: text, as: UTF8.self)
}

/// The sha256 of some text.
public func sha256(of text: String) -> ContentDigest {
    var digester = Digester.sha256
    digester.update(text)
    return digester.finalize()
}

/// The sha256 of some bytes.
public func sha256(of bytes: [UInt8]) -> ContentDigest { bytes.withUnsafeBytes { sha256(of: $0) } }

/// The sha256 of some bytes.
public func sha256(of bytes: UnsafeRawBufferPointer) -> ContentDigest {
    var digester = Digester.sha256
    digester.update(bytes)
    return digester.finalize()
}

/// The digest and length of an open file, read from its start with pread: the descriptor's position doesn't move.
public func digest(
    of file: FileDescriptor, path: some CustomStringConvertible, algorithm: ContentDigest.Algorithm = .sha256
) throws(ProvisionError) -> (digest: ContentDigest, size: UInt64) {
    var digester = try Digester(algorithm)
    // Larger ones are mapped by the allocator: page faults for every file.
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    var offset = 0
    while true {
        let count = pread(file.rawValue, buffer.baseAddress, buffer.count, offset)
        if count < 0 && errno == EINTR { continue }
        try check(count, "read", path)
        if count == 0 { return (digester.finalize(), UInt64(offset)) }
        digester.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        offset += count
    }
}

/// The digest and length of the file at `path`.
public func digest(
    ofFileAt path: FilePath, algorithm: ContentDigest.Algorithm = .sha256
) throws(ProvisionError) -> (digest: ContentDigest, size: UInt64) {
    let descriptor = FileDescriptor(rawValue: try check(open(path.string, O_RDONLY | O_CLOEXEC), "open", path))
    defer { close(descriptor.rawValue) }
    return try digest(of: descriptor, path: path, algorithm: algorithm)
}
