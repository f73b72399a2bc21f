internal import CCurl
public import Diagnostics
internal import Glibc
public import Model
internal import System
public import SystemPackage

/// One request to an HTTP server.
public struct HTTPRequest {
    public enum Body {
        case none
        case bytes([UInt8])
        /// Part of an open file, read with pread.
        case file(FileDescriptor, offset: UInt64, length: UInt64)

        var length: UInt64 {
            switch self {
            case .none: 0
            case .bytes(let bytes): UInt64(bytes.count)
            case .file(_, _, let length): length
            }
        }
    }

    public var method: String
    public var url: String
    public var headers: [(String, String)]
    public var body: Body
    /// The most that an answer may hold.
    public var limit: UInt64
    /// Where the content of a 200 or 206 goes, with that status; nil keeps it in the answer. What it throws ends the request.
    public var sink: ((UnsafeRawBufferPointer, Int) throws(ProvisionError) -> Void)?
    /// Told of bytes of the body as they go out.
    public var sent: ((UInt64) -> Void)?

    public init(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: Body = .none, limit: UInt64 = 8 << 20,
        sink: ((UnsafeRawBufferPointer, Int) throws(ProvisionError) -> Void)? = nil, sent: ((UInt64) -> Void)? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.limit = limit
        self.sink = sink
        self.sent = sent
    }
}

/// What a server answered, whatever its status.
public struct HTTPAnswer {
    public var status: Int
    /// By lower-case name; of several with one name all, in order.
    public var headers: [String: [String]]
    public var body: [UInt8]
    /// Seconds that Retry-After asks for; 0 without one.
    public var retryAfter: Int

    public func header(_ name: String) -> String? { headers[name]?.last }
}

/// Speaks HTTP with servers that want more than GET, one request at a time, over connections that are kept.
///
/// GET and HEAD follow redirects, never from https to http; libcurl sends credentials to the first host alone.
public final class HTTPClient {
    private let agent: String
    private let transport: TransportOptions
    private let multi: MultiHandle

    /// - Throws: `.failed` where libcurl can't start.
    public init(agent: String, transport: TransportOptions = TransportOptions()) throws(ProvisionError) {
        self.agent = agent
        self.transport = transport
        multi = try MultiHandle(connectionsPerHost: 4)
    }

    /// - Throws: `.unreachable` where no answer came, with a hint of below where TLS was why; `.interrupted`; `.verification` for an
    ///   answer beyond the limit; what the sink throws.
    public func perform(_ request: HTTPRequest) throws(ProvisionError) -> HTTPAnswer {
        let exchange = Exchange(request)
        let handle = try EasyHandle()
        var lines: UnsafeMutablePointer<curl_slist>?
        defer { provision_curl_slist_free_all(lines) }
        try prepare(handle, request, exchange, &lines)
        try multi.add(handle)
        defer { multi.remove(handle) }
        while true {
            try Interruption.check()
            try multi.perform()
            if let ended = multi.nextEnded() {
                if let failure = exchange.failure { throw failure }
                guard ended.code == CURLE_OK else { throw failure(ended.code, handle, request) }
                return HTTPAnswer(
                    status: handle.status, headers: exchange.headers, body: exchange.body, retryAfter: handle.retryAfter)
            }
            try multi.wait(milliseconds: 200)
        }
    }

    private func prepare(
        _ handle: borrowing EasyHandle, _ request: HTTPRequest, _ exchange: Exchange,
        _ lines: inout UnsafeMutablePointer<curl_slist>?
    ) throws(ProvisionError) {
        var options = TransferRequest(label: request.url, urls: [request.url], destination: "/nonexistent")
        options.transport = transport
        // A HEAD's length is that of what isn't sent.
        options.maximumSize = request.method == "HEAD" ? UInt64(Int64.max) : request.limit
        try handle.prepare(url: request.url, request: options, agent: agent, offset: 0)
        try handle.set(CURLOPT_FAILONERROR, 0)
        let isPlain = request.method == "GET" || request.method == "HEAD"
        try handle.set(CURLOPT_FOLLOWLOCATION, isPlain ? 1 : 0)
        if request.method == "HEAD" {
            try handle.set(CURLOPT_NOBODY, 1)
        } else if !isPlain {
            // An upload with another method's name: its body comes from the callback, which can be any length.
            try handle.set(CURLOPT_UPLOAD, 1)
            try handle.set(CURLOPT_CUSTOMREQUEST, request.method)
            try handle.set(CURLOPT_INFILESIZE_LARGE, offset: request.body.length)
        }
        // Without "Expect", which makes each upload wait for a server that doesn't know it.
        for (name, value) in request.headers + [("Expect", "")] {
            lines = provision_curl_slist_append(lines, value.isEmpty ? "\(name):" : "\(name): \(value)")
        }
        provision_curl_set_list(handle.raw, CURLOPT_HTTPHEADER, lines)
        let context = Unmanaged.passUnretained(exchange).toOpaque()
        provision_curl_set_pointer(handle.raw, CURLOPT_WRITEDATA, context)
        provision_curl_set_data_callback(handle.raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
            return exchange.receive(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        provision_curl_set_pointer(handle.raw, CURLOPT_HEADERDATA, context)
        provision_curl_set_data_callback(handle.raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
            exchange.header(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        provision_curl_set_pointer(handle.raw, CURLOPT_READDATA, context)
        provision_curl_set_data_callback(handle.raw, CURLOPT_READFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
            return exchange.give(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
        }
    }

    private func failure(_ code: CURLcode, _ handle: borrowing EasyHandle, _ request: HTTPRequest) -> ProvisionError {
        if code == CURLE_FILESIZE_EXCEEDED {
            return ProvisionError(.verification, "\"\(request.url)\" answers with more than \(request.limit) bytes")
        }
        let hint: String? =
            switch code {
            case CURLE_SSL_CONNECT_ERROR: HTTPClient.tlsHint
            case CURLE_PEER_FAILED_VERIFICATION: HTTPClient.certificateHint
            default: nil
            }
        return ProvisionError(.unreachable, "cannot reach \"\(request.url)\": \(handle.describe(code))", hint: hint)
    }

    /// The hint where no TLS came about: the server speaks another version, or none.
    public static let tlsHint = "its TLS is not what this host accepts, or it speaks plain HTTP"

    /// The hint where TLS came about, with a certificate that nobody vouches for.
    public static let certificateHint = "trust who signed its certificate: --cacert FILE"
}

/// One request on its way, as libcurl's callbacks see it.
private final class Exchange {
    private let request: HTTPRequest
    private(set) var headers: [String: [String]] = [:]
    private(set) var body: [UInt8] = []
    private(set) var failure: ProvisionError?
    private var received: UInt64 = 0
    private var given: UInt64 = 0
    private var status = 0

    init(_ request: HTTPRequest) { self.request = request }

    func header(_ line: UnsafeRawBufferPointer) {
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            // A new answer, after a redirect or a 100: the last one counts.
            headers = [:]
            status = text.split(separator: " ").dropFirst().first.flatMap { Int($0.filter(\.isNumber)) } ?? 0
            return
        }
        guard let colon = text.firstIndex(of: ":") else { return }
        let value = text[text.index(after: colon)...].filter { !$0.isNewline }
        headers[text[..<colon].lowercased(), default: []].append(String(value.drop { $0 == " " }))
    }

    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        received += UInt64(bytes.count)
        guard received <= request.limit else {
            failure = ProvisionError(.verification, "\"\(request.url)\" answers with more than \(request.limit) bytes")
            return false
        }
        guard let sink = request.sink, status == 200 || status == 206 else {
            body += bytes
            return true
        }
        do throws(ProvisionError) {
            try sink(bytes, status)
            return true
        } catch {
            failure = error
            return false
        }
    }

    func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let rest = Int(clamping: request.body.length - given)
        var count = min(rest, room.count)
        switch request.body {
        case .none: count = 0
        case .bytes(let bytes):
            bytes[Int(given)..<Int(given) + count].withUnsafeBytes { room.copyMemory(from: $0) }
        case .file(let descriptor, let offset, _):
            count = pread(descriptor.rawValue, room.baseAddress, count, Int(offset + given))
            guard count >= 0 else {
                failure = systemError("read", "the file to send")
                return Int(CURL_READFUNC_ABORT)
            }
        }
        given += UInt64(count)
        request.sent?(UInt64(count))
        return count
    }
}
