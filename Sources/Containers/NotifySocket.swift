internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// The socket on which systemd-nspawn tells that a container has started and that it is ready: sd_notify(3).
struct NotifySocket: ~Copyable {
    let descriptor: FileDescriptor
    let path: FilePath

    /// What one message said.
    struct Message: Equatable {
        /// The container's namespaces and mounts stand, its first program has been started.
        var started = false
        /// The container's init says that the system is up.
        var ready = false

        /// Assignments, one a line. nspawn's leader pid is of its own pid namespace: worth its presence only.
        init(_ text: String) {
            for line in text.split(separator: "\n") {
                if line.hasPrefix("X_NSPAWN_LEADER_PID=") { started = true }
                if line == "READY=1" { ready = true }
            }
        }
    }

    /// - Parameter path: at most 107 bytes, as addresses of sockets are.
    init(_ path: FilePath) throws(ProvisionError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.string.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw ProvisionError(.failed, "\"\(path)\" is too long for a socket's address")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let number = try check(socket(AF_UNIX, kind, 0), "make the socket", path)
        unlink(path.string)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else {
            let error = systemError("make the socket", path)
            close(number)
            throw error
        }
        descriptor = FileDescriptor(rawValue: number)
        self.path = path
    }

    deinit { close(descriptor.rawValue) }

    /// The next message; nil where none has come.
    func receive() -> Message? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor.rawValue, &buffer, buffer.count, 0)
        return count < 0 ? nil : Message(String(decoding: buffer[..<count], as: UTF8.self))
    }
}
