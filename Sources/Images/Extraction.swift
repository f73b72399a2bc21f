internal import Diagnostics
internal import Glibc
internal import Layers
internal import System
internal import SystemPackage

/// Unpacks an archive that may mean harm into a directory, by bsdtar.
///
/// bsdtar refuses names with `..` and doesn't write through links (it runs without -P); as root it is confined to the directory by
/// chroot too. Whatever it has to say is taken as a refusal: it also says, and goes on, where it strips the slash of an absolute
/// name or can't restore an attribute.
struct Extraction {
    let directory: FilePath
    /// For messages.
    let name: String
    /// At most this many bytes of archive are accepted.
    let limit: UInt64
    let progress: any ProgressSink

    /// - Throws: `.verification` for what bsdtar refuses and for an archive larger than the limit.
    func run(_ reader: inout ArchiveReader) throws(ProvisionError) {
        signal(SIGPIPE, SIG_IGN)
        let pipe = try OwnedPipe()
        let errors = try CapturedErrors()
        var options = ChildProcess.Options()
        options.descriptors = [0: pipe.reading, 1: errors.descriptor, 2: errors.descriptor]
        options.newGroup = true
        // The C locale would keep bsdtar from names that are not ASCII.
        options.environment = ["PATH": ChildProcess.searchPath, "LC_ALL": "C.UTF-8"]
        var unpacker = try ChildProcess(Extraction.command(into: directory), options: options)
        pipe.closeReading()
        pipe.enlarge(to: 1 << 18)

        try relay(&reader, to: pipe.writing, errors)
        pipe.closeWriting()
        let status = try unpacker.waitInterruptibly()
        try reader.finish()
        guard status.succeeded, errors.isEmpty else {
            throw ProvisionError(
                .verification, "the image \"\(name)\" can't be unpacked as it is", hint: "nothing of it was kept",
                causes: errors.lines())
        }
    }

    static func command(into directory: FilePath) -> [String] {
        var arguments = ["bsdtar", "-x", "-p", "--numeric-owner", "--same-owner", "--xattrs", "--no-fflags", "-f", "-"]
        if geteuid() == 0 { arguments.append("--chroot") }
        return arguments + ["-C", directory.string]
    }

    private func relay(
        _ reader: inout ArchiveReader, to descriptor: FileDescriptor, _ errors: borrowing CapturedErrors
    ) throws(ProvisionError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
        defer { buffer.deallocate() }
        var isReading = true
        var told: UInt64 = 0
        while true {
            let count = try reader.read(buffer)
            if count == 0 { return }
            guard reader.count <= limit else {
                throw ProvisionError(
                    .verification, "the image \"\(name)\" holds more than it says, or than there is room for",
                    hint: "nothing of it was kept", causes: ["stopped after \(reader.count) bytes"])
            }
            // It reads no further than the archive's end; the rest is drained for the decompressor's check.
            if isReading { isReading = try write(buffer, count, to: descriptor) }
            if !errors.isEmpty { return }
            if let position = reader.position ?? Optional(reader.count), position - told >= 1 << 20 {
                told = position
                progress.report(.advanced(.unpack, completed: position, item: nil))
            }
        }
    }

    /// False once nobody reads any more.
    private func write(
        _ buffer: UnsafeMutableRawBufferPointer, _ count: Int, to descriptor: FileDescriptor
    ) throws(ProvisionError) -> Bool {
        var start = 0
        while start < count {
            try Interruption.check()
            let written = Glibc.write(descriptor.rawValue, buffer.baseAddress! + start, count - start)
            if written < 0, errno == EINTR { continue }
            if written < 0, errno == EPIPE { return false }
            start += Int(try check(written, "write to", "bsdtar"))
        }
        return true
    }

    /// The content of one small file at the beginning of an archive, or nil where it isn't there.
    static func firstBytes(of file: String, in head: [UInt8]) throws(ProvisionError) -> [UInt8]? {
        let output = try runProgram(
            ["bsdtar", "-x", "-q", "-O", "-f", "-", file], input: head,
            environment: ["PATH": ChildProcess.searchPath, "LC_ALL": "C.UTF-8"],
            limit: ArchiveReader.headSize)
        return output.standardOutput.isEmpty ? nil : output.standardOutput
    }
}
