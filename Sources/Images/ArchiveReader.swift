internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// The bytes of an archive, decompressed on the way, as a stream that is read once.
///
/// The first `headSize` bytes are kept, so that the manifest can be looked at before anything is unpacked.
struct ArchiveReader: ~Copyable {
    static let headSize = 8 << 20

    private let source: FileDescriptor
    private let name: String
    private var decompressor: ChildProcess?
    private let errors: CapturedErrors
    private let pipe: OwnedPipe?
    /// What was read ahead, and how much of it was given out again.
    private(set) var head: [UInt8] = []
    private var given = 0
    /// Bytes of the archive that were given out.
    private(set) var count: UInt64 = 0
    private var digester: Digester?
    /// The sha256 of the bytes that were given out.
    var digest: ContentDigest { (digester ?? .sha256).finalize() }

    /// - Parameters:
    ///   - source: the image, at its beginning.
    ///   - name: for messages.
    ///   - digests: whether `digest` is wanted in the end.
    static func open(
        _ source: FileDescriptor, name: String, compression: ImageFormat.Compression, digests: Bool = false
    ) throws(ProvisionError) -> ArchiveReader {
        var reader = try ArchiveReader(source, name: name, command: try Compressor.decompressing(compression))
        if digests { reader.digester = .sha256 }
        try reader.readHead()
        return reader
    }

    private init(_ source: FileDescriptor, name: String, command: [String]?) throws(ProvisionError) {
        let errors = try CapturedErrors()
        guard let command else {
            self.init(source: source, name: name, decompressor: nil, errors: errors, pipe: nil)
            return
        }
        let pipe = try OwnedPipe()
        var options = ChildProcess.Options()
        options.descriptors = [0: source, 1: pipe.writing, 2: errors.descriptor]
        options.newGroup = true
        let decompressor = try ChildProcess(command, options: options)
        pipe.closeWriting()
        pipe.enlarge(to: 1 << 18)
        self.init(source: source, name: name, decompressor: decompressor, errors: errors, pipe: pipe)
    }

    private init(
        source: FileDescriptor, name: String, decompressor: consuming ChildProcess?, errors: consuming CapturedErrors,
        pipe: OwnedPipe?
    ) {
        self.source = source
        self.name = name
        self.decompressor = decompressor
        self.errors = errors
        self.pipe = pipe
    }

    private mutating func readHead() throws(ProvisionError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while head.count < ArchiveReader.headSize {
            let count = try receive(buffer)
            if count == 0 { return }
            head += buffer[..<count]
        }
    }

    /// The next bytes; 0 at the end.
    mutating func read(_ room: UnsafeMutableRawBufferPointer) throws(ProvisionError) -> Int {
        var got = 0
        if given < head.count {
            got = min(room.count, head.count - given)
            head[given..<given + got].withUnsafeBytes { room.copyMemory(from: $0) }
            given += got
            if given == head.count { (head, given) = ([], 0) }
        } else {
            got = try receive(room)
        }
        count += UInt64(got)
        digester?.update(UnsafeRawBufferPointer(rebasing: room[..<got]))
        return got
    }

    /// How much of the image was read, where it is a file: the decompressor shares our position in it.
    var position: UInt64? {
        let offset = lseek(source.rawValue, 0, SEEK_CUR)
        return offset < 0 ? nil : UInt64(offset)
    }

    /// Waits for the decompressor after the end of the stream.
    ///
    /// - Throws: `.verification` with its words where the image is damaged.
    mutating func finish() throws(ProvisionError) {
        guard decompressor != nil else { return }
        let status = try decompressor!.waitInterruptibly()
        guard status.succeeded else {
            throw ProvisionError(
                .verification, "the image \"\(name)\" is damaged", hint: "copy it here again", causes: errors.lines())
        }
    }

    private func receive(_ room: UnsafeMutableRawBufferPointer) throws(ProvisionError) -> Int {
        let descriptor = pipe?.reading ?? source
        while true {
            try Interruption.check()
            let count = Glibc.read(descriptor.rawValue, room.baseAddress, room.count)
            if count < 0, errno == EINTR { continue }
            return Int(try check(count, "read", name))
        }
    }
}
