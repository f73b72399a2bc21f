internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
internal import SystemPackage

/// The descriptors between parent and children: the request in a file in memory, events back through a pipe, and packages
/// through sockets, from the parent to the process that verifies and from that one to the process that installs.
///
/// Scriptlets never get hold of either: what they print goes to the child's standard output and error (OutputCapture).
enum JobChannel {
    /// Descriptor numbers in the child.
    static let request: Int32 = 3
    static let events: Int32 = 4
    static let packages: Int32 = 5
    /// Where the verifying process passes packages on.
    static let verified: Int32 = 6

    /// The request as the child will read it; the caller closes it once the child has started.
    static func encode(_ request: ChildRequest) throws -> FileDescriptor {
        try memoryFile("provision-job", holding: Array(try JSONEncoder().encode(request)))
    }

    /// Reads the request in the child, and keeps both descriptors from the programs that scriptlets start.
    static func receive() throws -> ChildRequest {
        for descriptor in [request, events, packages, verified] {
            // Not every child has the sockets.
            if fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0, descriptor <= events {
                throw systemError("use", "descriptor \(descriptor)")
            }
        }
        defer { close(request) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try check(read(request, &chunk, chunk.count), "read", "the job")
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return try JSONDecoder().decode(ChildRequest.self, from: Data(bytes))
    }

    /// Sends an event from the child. Where nobody listens any more there is nothing left to work for: the process ends.
    static func send(_ event: InstallEvent) {
        guard let data = try? JSONEncoder().encode(event) else { _exit(70) }  // no event holds anything that JSON can't
        var rest = Array(data) + [UInt8(ascii: "\n")]
        while !rest.isEmpty {
            let count = write(events, rest, rest.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { _exit(70) }
            rest.removeFirst(count)
        }
    }
}
