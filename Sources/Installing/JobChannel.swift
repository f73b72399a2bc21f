internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
internal import SystemPackage

/// The descriptors between parent and children: the order through a socket, events back through a pipe, and packages
/// through sockets, from the parent to the process that verifies and from that one to the process that installs.
///
/// Scriptlets never get hold of either: what they print goes to the child's standard output and error (OutputCapture).
enum JobChannel {
    /// Descriptor numbers in the child.
    static let orders: Int32 = 3
    static let events: Int32 = 4
    static let packages: Int32 = 5
    /// Where the verifying process passes packages on.
    static let verified: Int32 = 6

    /// Says in the parent what the child at the other end is to do.
    ///
    /// A root goes with it as a mount of the parent's: the child's own mounts are those of the time when it was started.
    static func order(_ request: ChildRequest, of child: MessageSocket) throws {
        let file = try memoryFile("provision-job", holding: Array(try JSONEncoder().encode(request)))
        defer { close(file.rawValue) }
        try child.send([0], file: file)
        guard let root = request.root else { return }
        try DetachedMount(cloning: FilePath(root)).withDescriptor { (mount) throws(ProvisionError) in
            try child.send([0], file: mount)
        }
    }

    /// Keeps the child's descriptors from the programs that scriptlets start.
    static func keepFromScriptlets() throws {
        for descriptor in [orders, events, packages, verified] {
            // Not every child has the sockets.
            if fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0, descriptor <= events {
                throw systemError("use", "descriptor \(descriptor)")
            }
        }
    }

    struct Order {
        let request: ChildRequest
        fileprivate let root: FileDescriptor?

        /// The mount of the root that the request speaks of, to be taken over.
        var tree: FileDescriptor {
            get throws(ProvisionError) {
                guard let root else { throw ProvisionError(.failed, "a root came without its mount") }
                return root
            }
        }
    }

    /// Waits for the order in the child; nil where there will be none.
    static func receive() throws -> Order? {
        let socket = MessageSocket(FileDescriptor(rawValue: orders))
        guard var message = try socket.receive() else { return nil }
        guard let file = message.takeFile() else { throw ProvisionError(.failed, "an order came without its file") }
        defer { close(file.rawValue) }
        let request = try JSONDecoder().decode(ChildRequest.self, from: Data(try contents(of: file)))
        if request.root == nil { return Order(request: request, root: nil) }
        guard var message = try socket.receive() else { return nil }
        return Order(request: request, root: message.takeFile())
    }

    /// All bytes of a file in memory.
    static func contents(of file: FileDescriptor) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try check(pread(file.rawValue, &chunk, chunk.count, bytes.count), "read", "a file in memory")
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
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
