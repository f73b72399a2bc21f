internal import CCurl
internal import Diagnostics
internal import Model

extension EasyHandle {
    /// All that one attempt to fetch `url` is told, but for its callback.
    ///
    /// - Parameters:
    ///   - offset: how many bytes are there already; the server is asked for the rest.
    ///   - end: where to stop; nil for the file's end.
    func prepare(
        url: String, request: TransferRequest, agent: String, offset: UInt64, end: UInt64? = nil
    ) throws(ProvisionError) {
        let transport = request.transport
        try set(CURLOPT_URL, url)
        // Timeouts without SIGALRM, which would hit the whole process.
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_USERAGENT, transport.userAgent ?? agent)
        try set(CURLOPT_FAILONERROR, 1)
        try set(CURLOPT_FOLLOWLOCATION, 1)
        try set(CURLOPT_MAXREDIRS, 10)
        // Who asked over TLS isn't led out of it.
        let mayFollowHTTP: Int32 = url.lowercased().hasPrefix("https:") ? 0 : 1
        guard provision_curl_limit_protocols(raw, mayFollowHTTP) == CURLE_OK else {
            throw ProvisionError(.unsupported, "this libcurl can't be limited to http, https and file")
        }
        try set(CURLOPT_CONNECTTIMEOUT, max(1, transport.timeout))
        try set(CURLOPT_LOW_SPEED_TIME, max(1, transport.timeout))
        try set(CURLOPT_LOW_SPEED_LIMIT, max(1, min(transport.minimumRate, Int(transport.throttle ?? .max) / 2)))
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        // What is read at once comes at full speed, whatever the limit: no more than a fraction of a second's share.
        try set(CURLOPT_BUFFERSIZE, transport.throttle.map { Int(min(max($0 / 8, 1 << 10), 1 << 14)) } ?? 1 << 18)
        if let end {
            try set(CURLOPT_RANGE, "\(offset)-\(end - 1)")
        } else if offset > 0 {
            try set(CURLOPT_RESUME_FROM_LARGE, offset: offset)
        }
        try set(CURLOPT_MAXFILESIZE_LARGE, offset: request.maximumSize)
        try setTLS(transport)
        try setProxyAndCredentials(transport)
        try setAddressFamily(transport.addressFamily)
    }

    func setAddressFamily(_ family: TransportOptions.AddressFamily?) throws(ProvisionError) {
        switch family {
        case .v4: try set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_V4))
        case .v6: try set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_V6))
        case nil: break
        }
    }

    func setTLS(_ transport: TransportOptions) throws(ProvisionError) {
        try set(CURLOPT_SSL_VERIFYPEER, transport.verifyTLS ? 1 : 0)
        try set(CURLOPT_SSL_VERIFYHOST, transport.verifyTLS ? 2 : 0)
        try set(CURLOPT_CAINFO, transport.caCertificate)
        try set(CURLOPT_SSLCERT, transport.clientCertificate)
        try set(CURLOPT_SSLKEY, transport.clientKey)
    }

    private func setProxyAndCredentials(_ transport: TransportOptions) throws(ProvisionError) {
        try set(CURLOPT_PROXY, transport.proxy)
        try set(CURLOPT_PROXYUSERNAME, transport.proxyUser)
        try set(CURLOPT_PROXYPASSWORD, transport.proxyPassword)
        try set(CURLOPT_USERNAME, transport.user)
        try set(CURLOPT_PASSWORD, transport.password)
        if let token = transport.bearerToken {
            try set(CURLOPT_HTTPAUTH, Int(bitPattern: UInt(provision_curl_bearer)))
            try set(CURLOPT_XOAUTH2_BEARER, token)
        }
    }
}

/// What libcurl's result of one attempt means for the mirror that was asked.
///
/// - Parameter status: the HTTP status, 0 where there was none.
/// - Parameter received: whether any content came in this attempt.
func failureKind(_ code: CURLcode, status: Int, received: Bool) -> MirrorFailure.Kind {
    switch code {
    case CURLE_HTTP_RETURNED_ERROR:
        status >= 500 || status == 408 || status == 429 ? .passing : .refused
    case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
        .unreachable
    case CURLE_OPERATION_TIMEDOUT:
        received ? .passing : .unreachable
    case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2, CURLE_HTTP2_STREAM:
        .passing
    case CURLE_FILESIZE_EXCEEDED:
        .wrongBytes
    default:
        .refused
    }
}

/// What an HTTP status says to a person.
func describe(status: Int) -> String {
    let meaning: String? =
        switch status {
        case 401: "it wants a user name and a password"
        case 403: "forbidden"
        case 404: "not found"
        case 407: "the proxy wants a user name and a password"
        case 410: "gone"
        case 429: "too many requests"
        case 500: "internal error"
        case 502: "bad gateway"
        case 503: "unavailable"
        case 504: "gateway timeout"
        default: nil
        }
    return "the server answered \(status)" + (meaning.map { " (\($0))" } ?? "")
}
