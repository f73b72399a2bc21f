internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Events of one child, as they come.
final class EventPipe {
    let pipe: OwnedPipe
    var descriptor: FileDescriptor { pipe.reading }
    private(set) var isClosed = false
    private var decoder = EventDecoder()

    init() throws {
        pipe = try OwnedPipe()
        try check(fcntl(pipe.reading.rawValue, F_SETFL, O_NONBLOCK), "use", "a pipe")
    }

    /// What has come since the last call.
    func read() throws -> [InstallEvent] {
        var events: [InstallEvent] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while !isClosed {
            let count = Glibc.read(descriptor.rawValue, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { break }
            if try check(count, "read from", "a process of ours") == 0 {
                isClosed = true
            } else {
                events += try decoder.feed(chunk[..<count])
            }
        }
        return events
    }
}

/// Waits until one of `descriptors` is ready or the time is over.
func waitForDescriptors(_ descriptors: [(descriptor: FileDescriptor, wantsToWrite: Bool)], milliseconds: Int32) {
    var awaited = descriptors.map {
        pollfd(
            fd: $0.descriptor.rawValue, events: Int16(POLLIN) | ($0.wantsToWrite ? Int16(POLLOUT) : 0), revents: 0)
    }
    poll(&awaited, nfds_t(awaited.count), milliseconds)
}

/// Starts this executable as a child that waits for an order at its end of a pair of sockets; what it says comes through `events`, whose
/// writing end is closed here.
func startChild(
    _ executable: FilePath, orders: MessageSocket, events: OwnedPipe, _ sockets: [Int32: FileDescriptor] = [:],
    environment: [String: String], namespaces: ChildProcess.Namespaces
) throws -> ChildProcess {
    let null = FileDescriptor(rawValue: try check(open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null"))
    defer { close(null.rawValue) }
    var options = ChildProcess.Options()
    options.descriptors = [0: null, 1: null, JobChannel.orders: orders.descriptor, JobChannel.events: events.writing]
    options.descriptors.merge(sockets) { $1 }
    options.environment = environment
    options.namespaces = namespaces
    // Scriptlets have no terminal of the user's to read from or to type into.
    options.newSession = true
    let child = try ChildProcess([executable.string, installChildArgument], options: options)
    events.closeWriting()
    return child
}

/// What may be behind a process of ours that ended without a word.
let whyKilled = "if the host is short of memory, the kernel may have killed it: see dmesg"

extension ChildProcess.Status {
    var words: String {
        switch self {
        // The reaper gives the worker's signal in this form.
        case .exited(let status) where status > 128: "signal \(status - 128)"
        case .exited(let status): "status \(status)"
        case .signalled(let number): "signal \(number)"
        }
    }
}
