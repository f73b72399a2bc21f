internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// An archive's way through a compressor into a descriptor.
struct CompressedOutput {
    private let compression: ImageFormat.Compression
    private let output: FileDescriptor

    init(_ compression: ImageFormat.Compression, to output: FileDescriptor) {
        self.compression = compression
        self.output = output
    }

    /// Lets `body` write the archive, and waits until it is all compressed.
    ///
    /// - Parameter digests: whether the archive's digest is wanted.
    /// - Throws: `.unsupported` without the compressor's program, `.failed` where it or the reader of its output fails.
    func write<Result>(
        digests: Bool = false, _ body: (inout ArchiveOutput) throws(ProvisionError) -> Result
    ) throws(ProvisionError) -> Result {
        guard let command = try Compressor.compressing(compression) else {
            var archive = ArchiveOutput(output, name: "the image", digests: digests)
            let result = try body(&archive)
            guard !archive.isBroken else { throw ProvisionError(.failed, "nobody reads the image any more") }
            return result
        }
        return try feed(command, output: output, digests: digests, body)
    }
}

/// Runs a program that reads the archive that `body` writes.
///
/// - Parameters:
///   - output: the program's standard output; nil for one that says nothing but errors.
///   - digests: whether the archive's digest is wanted.
/// - Throws: `.failed` with its words where it fails or goes away.
func feed<Result>(
    _ command: [String], output: FileDescriptor?, environment: [String: String]? = nil, digests: Bool = false,
    _ body: (inout ArchiveOutput) throws(ProvisionError) -> Result
) throws(ProvisionError) -> Result {
    // A program that goes away must be an error of ours, not our end.
    signal(SIGPIPE, SIG_IGN)
    let pipe = try OwnedPipe()
    let errors = try CapturedErrors()
    var options = ChildProcess.Options()
    options.descriptors = [0: pipe.reading, 1: output ?? errors.descriptor, 2: errors.descriptor]
    options.newGroup = true
    options.environment = environment
    var program = try ChildProcess(command, options: options)
    pipe.closeReading()
    // One write of ours at once instead of four.
    pipe.enlarge(to: 1 << 18)
    var archive = ArchiveOutput(pipe.writing, name: command[0], digests: digests)
    let result = try body(&archive)
    pipe.closeWriting()
    let status = try program.waitInterruptibly()
    if status == .signalled(SIGPIPE) || status == .exited(128 + SIGPIPE) {
        throw ProvisionError(.failed, "nobody reads the image any more")
    }
    guard status.succeeded, !archive.isBroken else {
        let lines = errors.lines()
        throw ProvisionError(
            .failed, "\"\(command[0])\" failed with status \(status.shellStatus)",
            hint: lines.contains { $0.contains("No space left") } ? ImagePacker.noRoom : nil, causes: lines)
    }
    return result
}
