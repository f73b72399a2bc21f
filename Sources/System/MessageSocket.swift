internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// One end of a pair of sockets that carry whole messages, each with at most one open file.
///
/// What is received is the sender's own open file: same mount, same position.
public final class MessageSocket {
    public let descriptor: FileDescriptor

    /// Most bytes of one message.
    public static let limit = 1 << 14

    /// Takes over an open descriptor.
    public init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    deinit { close(descriptor.rawValue) }

    /// Two ends, both closed at exec.
    public static func pair() throws(ProvisionError) -> (MessageSocket, MessageSocket) {
        var ends: [Int32] = [-1, -1]
        try check(provision_message_sockets(&ends), "make", "a pair of sockets")
        return (MessageSocket(FileDescriptor(rawValue: ends[0])), MessageSocket(FileDescriptor(rawValue: ends[1])))
    }

    public struct Message: ~Copyable {
        public let bytes: [UInt8]
        private var file: Int32

        fileprivate init(bytes: [UInt8], file: Int32) {
            self.bytes = bytes
            self.file = file
        }

        /// The file that came along, for the caller to close; nil where none did, or it was taken before.
        public mutating func takeFile() -> FileDescriptor? {
            defer { file = -1 }
            return file < 0 ? nil : FileDescriptor(rawValue: file)
        }

        deinit { if file >= 0 { close(file) } }
    }

    /// Sends a message, waiting for room.
    ///
    /// - Throws: `.failed` where nobody holds the other end any more.
    public func send(_ bytes: [UInt8], file: FileDescriptor? = nil) throws(ProvisionError) {
        try check(
            provision_send_message(descriptor.rawValue, bytes, bytes.count, file?.rawValue ?? -1, 1), "send to",
            "a process of ours")
    }

    /// Sends a message if there is room; false where there is none now.
    ///
    /// - Throws: `.failed` where nobody holds the other end any more.
    public func trySending(_ bytes: [UInt8], file: FileDescriptor? = nil) throws(ProvisionError) -> Bool {
        let count = provision_send_message(descriptor.rawValue, bytes, bytes.count, file?.rawValue ?? -1, 0)
        // ETOOMANYREFS: so many files are on their way already.
        if count < 0, errno == EAGAIN || errno == ETOOMANYREFS { return false }
        try check(count, "send to", "a process of ours")
        return true
    }

    /// The next message, waited for; nil when the other end is closed.
    public func receive() throws(ProvisionError) -> Message? {
        var buffer = [UInt8](repeating: 0, count: MessageSocket.limit)
        var file: Int32 = -1
        let count = provision_receive_message(descriptor.rawValue, &buffer, buffer.count, &file)
        if count < 0, errno == ECONNRESET { return nil }
        try check(count, "receive from", "a process of ours")
        return count == 0 ? nil : Message(bytes: Array(buffer[..<count]), file: file)
    }
}
