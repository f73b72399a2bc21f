import Foundation
import Glibc
import Synchronization
import SystemPackage

/// A web server on the loopback that serves a directory, counts what it sends, and misbehaves on request.
///
/// It answers GET and HEAD with ranges and keep-alive, each connection on a thread of its own. `stop()` cuts every connection;
/// it is also called when the value goes.
final class HTTPServer: Sendable {
    /// What goes wrong with a path, instead of serving it as it should be.
    enum Misbehaviour: Sendable {
        case status(Int)
        /// 503 with the wish to be asked again after so many seconds.
        case retryAfter(Int)
        /// Announces the whole length and cuts the connection after this many bytes of content.
        case cut(after: Int)
        /// Serves only this many bytes, as if they were all.
        case shortened(to: Int)
        /// Changes one byte in the middle.
        case corrupted
        case delayed(milliseconds: UInt32)
        /// Answers a range with the whole file.
        case noRanges
        /// Answers a range with this status, and serves whole files.
        case refusedRanges(Int)
        /// Serves ranges from the file's start, and answers everything else with this status.
        case onlyHeads(Int)
        case redirect(to: String)
        /// Bytes without end and without a length.
        case endless
        /// So many bytes a second.
        case drip(Int)
        /// Something else in place of the file's bytes.
        case content([UInt8])
    }

    struct Request: Sendable {
        var method: String
        /// Decoded, without a query.
        var path: String
        var headers: [String: String]
        var rangeStart: UInt64? {
            guard let range = headers["range"], range.hasPrefix("bytes=") else { return nil }
            return UInt64(range.dropFirst(6).prefix { $0 != "-" })
        }
        /// The last byte that is asked for, where the range has an end.
        var rangeEnd: UInt64? {
            guard let range = headers["range"], let dash = range.firstIndex(of: "-") else { return nil }
            return UInt64(range[range.index(after: dash)...])
        }
    }

    private struct State {
        var misbehaviours: [String: (what: Misbehaviour, times: Int)] = [:]
        var requests: [Request] = []
        var bytesSent: UInt64 = 0
        var connections: Set<Int32> = []
        var isStopped = false
    }

    private let directory: FilePath
    private let listener: Int32
    /// Where it listens: `http://127.0.0.1:PORT`.
    let url: String
    private let state = Mutex(State())

    /// Serves `directory` at a free port from now on.
    init(serving directory: FilePath) throws {
        self.directory = directory
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.listener = listener
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        // The thread must not keep the server alive: that ends with the test that holds it.
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 { return }
                guard let server = self, server.enter(connection) else {
                    close(connection)
                    return
                }
                Thread.detachNewThread { [weak server] in
                    while let server, server.answer(connection) {}
                    server?.leave(connection)
                    close(connection)
                }
            }
        }
    }

    deinit { stop() }

    /// From now on connections are refused; those that are open are cut.
    func stop() {
        let connections = state.withLock { state -> Set<Int32> in
            if state.isStopped { return [] }
            state.isStopped = true
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
            return state.connections
        }
        connections.forEach { shutdown($0, Int32(SHUT_RDWR)) }
    }

    /// Serves `path` (decoded, with its slash) wrongly, the next `times` times.
    func misbehave(_ path: String, _ what: Misbehaviour, times: Int = .max) {
        state.withLock { $0.misbehaviours[path] = (what, times) }
    }

    func behave() { state.withLock { $0.misbehaviours.removeAll() } }

    /// Waits until every connection is over and what was sent over it is counted.
    func settle() {
        while !state.withLock({ $0.connections.isEmpty }) { usleep(10_000) }
    }

    var requests: [Request] { state.withLock { $0.requests } }
    /// Bytes of content, without headers.
    var bytesSent: UInt64 { state.withLock { $0.bytesSent } }
    func forgetRequests() {
        state.withLock {
            $0.requests = []
            $0.bytesSent = 0
        }
    }

    // MARK: - Connections

    private func enter(_ connection: Int32) -> Bool {
        state.withLock { state in
            if !state.isStopped { state.connections.insert(connection) }
            return !state.isStopped
        }
    }

    private func leave(_ connection: Int32) { _ = state.withLock { $0.connections.remove(connection) } }

    /// One request and its answer; false when the connection is over.
    private func answer(_ connection: Int32) -> Bool {
        guard let request = readRequest(connection) else { return false }
        let what = state.withLock { state -> Misbehaviour? in
            state.requests.append(request)
            guard let planned = state.misbehaviours[request.path], planned.times > 0 else { return nil }
            state.misbehaviours[request.path] = (planned.what, planned.times - 1)
            return planned.what
        }
        switch what {
        case .status(let status): return send(connection, header(status, ["Content-Length: 0"]))
        case .retryAfter(let seconds):
            return send(connection, header(503, ["Retry-After: \(seconds)", "Content-Length: 0"]))
        case .redirect(let target): return send(connection, header(302, ["Location: \(target)", "Content-Length: 0"]))
        case .endless:
            _ = send(connection, header(200, ["Connection: close"]))
            while sendContent(connection, [UInt8](repeating: 120, count: 65536)) {}
            return false
        case .delayed(let milliseconds): usleep(milliseconds * 1000)
        case .refusedRanges(let status) where request.rangeStart != nil:
            return send(connection, header(status, ["Content-Length: 0"]))
        case .onlyHeads(let status) where request.rangeStart != 0:
            return send(connection, header(status, ["Content-Length: 0"]))
        default: break
        }
        guard var content = content(of: request, what) else {
            return send(connection, header(404, ["Content-Length: 0"]))
        }
        if case .corrupted = what, !content.isEmpty { content[content.count / 2] ^= 0xff }
        if case .shortened(let count) = what { content = Array(content.prefix(count)) }
        return serve(content, request, what, connection)
    }

    private func serve(_ content: [UInt8], _ request: Request, _ what: Misbehaviour?, _ connection: Int32) -> Bool {
        var start = Int(request.rangeStart ?? 0)
        var end = min(content.count, request.rangeEnd.map { Int($0) + 1 } ?? content.count)
        if case .noRanges = what { (start, end) = (0, content.count) }
        guard start < content.count || start == 0 else {
            return send(connection, header(416, ["Content-Range: bytes */\(content.count)", "Content-Length: 0"]))
        }
        let isPart = start > 0 || end < content.count
        var lines = ["Content-Length: \(end - start)", "Content-Type: application/octet-stream"]
        if isPart { lines.append("Content-Range: bytes \(start)-\(end - 1)/\(content.count)") }
        guard send(connection, header(isPart ? 206 : 200, lines)), request.method != "HEAD" else {
            return request.method == "HEAD"
        }
        let rest = content[start..<end]
        switch what {
        case .cut(let count):
            _ = sendContent(connection, rest.prefix(count))
            return false
        case .drip(let rate):
            for piece in stride(from: rest.startIndex, to: rest.endIndex, by: max(1, rate / 10)) {
                guard sendContent(connection, rest[piece..<min(rest.endIndex, piece + max(1, rate / 10))]) else { return false }
                usleep(100_000)
            }
            return true
        default: return sendContent(connection, rest)
        }
    }

    // MARK: - Bytes

    private func content(of request: Request, _ what: Misbehaviour?) -> [UInt8]? {
        if case .content(let bytes) = what { return bytes }
        guard !request.path.contains("/../") else { return nil }
        return FileManager.default.contents(atPath: directory.string + request.path).map { Array($0) }
    }

    private func readRequest(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard bytes.count < 65536, recv(connection, &byte, 1, 0) == 1 else { return nil }
            bytes.append(byte)
        }
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let encoded = String(words[1].prefix { $0 != "?" })
        let path = encoded.removingPercentEncoding ?? encoded
        return Request(method: words[0], path: path, headers: headers)
    }

    private func header(_ status: Int, _ lines: [String]) -> [UInt8] {
        Array((["HTTP/1.1 \(status) Test", "Accept-Ranges: bytes"] + lines + ["", ""]).joined(separator: "\r\n").utf8)
    }

    private func sendContent(_ connection: Int32, _ bytes: some Collection<UInt8>) -> Bool {
        for piece in stride(from: 0, to: bytes.count, by: 65536) {
            let part = Array(bytes.dropFirst(piece).prefix(65536))
            guard send(connection, part) else { return false }
            state.withLock { $0.bytesSent += UInt64(part.count) }
        }
        return true
    }

    private func send(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
