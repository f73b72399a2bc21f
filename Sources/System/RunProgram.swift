internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// What a short program printed.
public struct ProgramOutput: Sendable {
    public let status: ChildProcess.Status
    public let standardOutput: [UInt8]
    public let standardError: String

    public var text: String { String(decoding: standardOutput, as: UTF8.self) }
}

/// Runs a short program to its end with standard input from `input` and its output captured (at most `limit` bytes each).
///
/// - Throws: as `ChildProcess`, `.interrupted` when a signal came meanwhile, `.failed` where it printed more than `limit`.
///   A non-zero status is not an error here: see `runChecked`.
public func runProgram(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String]? = nil, limit: Int = 16 << 20,
    networkNamespace: FileDescriptor? = nil
) throws(ProvisionError) -> ProgramOutput {
    let inputPipe = try OwnedPipe()
    let outputPipe = try OwnedPipe()
    let errorPipe = try OwnedPipe()
    var options = ChildProcess.Options()
    options.descriptors = [0: inputPipe.reading, 1: outputPipe.writing, 2: errorPipe.writing]
    options.environment = environment
    options.newGroup = true
    options.networkNamespace = networkNamespace
    var child = try ChildProcess(arguments, options: options)
    inputPipe.closeReading()
    outputPipe.closeWriting()
    errorPipe.closeWriting()
    _ = fcntl(inputPipe.writing.rawValue, F_SETFL, O_NONBLOCK)

    var pending = input[...]
    var output: [UInt8] = []
    var errors: [UInt8] = []
    if pending.isEmpty { inputPipe.closeWriting() }
    while outputPipe.isReading || errorPipe.isReading {
        var descriptors = [
            pollfd(fd: outputPipe.isReading ? outputPipe.reading.rawValue : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errorPipe.isReading ? errorPipe.reading.rawValue : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: inputPipe.isWriting ? inputPipe.writing.rawValue : -1, events: Int16(POLLOUT), revents: 0),
        ]
        let ready = poll(&descriptors, 3, 200)
        do { try Interruption.check() } catch {
            child.terminate(grace: 2000)
            throw error
        }
        guard ready > 0 else { continue }
        if descriptors[0].revents != 0, !drain(outputPipe, into: &output) { outputPipe.closeReading() }
        if descriptors[1].revents != 0, !drain(errorPipe, into: &errors) { errorPipe.closeReading() }
        if descriptors[2].revents != 0 {
            let count = pending.withUnsafeBytes { write(inputPipe.writing.rawValue, $0.baseAddress, $0.count) }
            if count > 0 { pending = pending.dropFirst(count) }
            if pending.isEmpty || (count < 0 && errno != EAGAIN && errno != EINTR) { inputPipe.closeWriting() }
        }
        guard output.count <= limit, errors.count <= limit else {
            throw ProvisionError(.failed, "\"\(arguments[0])\" printed more than \(limit) bytes")
        }
    }
    let status = try child.waitInterruptibly()
    return ProgramOutput(
        status: status, standardOutput: output, standardError: String(decoding: errors, as: UTF8.self))
}

/// As `runProgram`, and throws `.failed` with the last lines of standard error where the status isn't 0.
@discardableResult
public func runChecked(_ arguments: [String], input: [UInt8] = []) throws(ProvisionError) -> ProgramOutput {
    let output = try runProgram(arguments, input: input)
    guard output.status.succeeded else {
        let said = output.standardError.split(separator: "\n").suffix(3).map(String.init)
        throw ProvisionError(
            .failed, "\"\(arguments.prefix(4).joined(separator: " "))\" failed with status \(output.status.shellStatus)",
            causes: said)
    }
    return output
}

/// Appends what is there to `buffer`; false at the end of the stream.
private func drain(_ pipe: OwnedPipe, into buffer: inout [UInt8]) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = read(pipe.reading.rawValue, &chunk, chunk.count)
    if count > 0 { buffer += chunk[..<count] }
    return count > 0 || (count < 0 && errno == EINTR)
}

/// A pipe whose ends are closed when it goes, or earlier by hand.
public final class OwnedPipe {
    public let reading: FileDescriptor
    public let writing: FileDescriptor
    public private(set) var isReading = true
    public private(set) var isWriting = true

    public init() throws(ProvisionError) {
        var ends: [Int32] = [-1, -1]
        try check(provision_pipe(&ends), "make", "a pipe")
        reading = FileDescriptor(rawValue: ends[0])
        writing = FileDescriptor(rawValue: ends[1])
    }

    /// Lets it hold so many bytes, for streams that are passed on in large pieces. Where the limit of the user is lower, it stays as it is.
    public func enlarge(to bytes: Int32) {
        // F_SETPIPE_SZ, which Glibc's module lacks: F_LINUX_SPECIFIC_BASE + 7.
        _ = fcntl(writing.rawValue, 1031, bytes)
    }

    deinit {
        closeReading()
        closeWriting()
    }

    public func closeReading() {
        if isReading { close(reading.rawValue) }
        isReading = false
    }

    public func closeWriting() {
        if isWriting { close(writing.rawValue) }
        isWriting = false
    }
}
