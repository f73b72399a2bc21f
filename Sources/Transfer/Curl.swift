internal import CCurl
internal import Diagnostics
internal import SystemPackage

/// libcurl's handle for one transfer, freed with the value.
struct EasyHandle: ~Copyable {
    let raw: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>

    init() throws(ProvisionError) {
        try Curl.start()
        guard let handle = provision_curl_easy_init() else {
            throw ProvisionError(.failed, "cannot start libcurl: out of memory")
        }
        raw = handle
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        provision_curl_set_pointer(raw, CURLOPT_ERRORBUFFER, errorText)
    }

    deinit {
        provision_curl_easy_cleanup(raw)
        errorText.deallocate()
    }

    func set(_ option: CURLoption, _ value: Int) throws(ProvisionError) {
        try check(provision_curl_set_long(raw, option, value), option)
    }

    func set(_ option: CURLoption, offset value: UInt64) throws(ProvisionError) {
        try check(provision_curl_set_offset(raw, option, curl_off_t(clamping: value)), option)
    }

    /// libcurl keeps a copy. A nil value leaves libcurl's default.
    func set(_ option: CURLoption, _ value: String?) throws(ProvisionError) {
        guard let value else { return }
        try check(provision_curl_set_string(raw, option, value), option)
    }

    private func check(_ code: CURLcode, _ option: CURLoption) throws(ProvisionError) {
        guard code != CURLE_OK else { return }
        throw ProvisionError(
            code == CURLE_UNKNOWN_OPTION || code == CURLE_NOT_BUILT_IN ? .unsupported : .failed,
            "libcurl refuses its option \(option.rawValue): \(Curl.describe(code))")
    }

    /// Goes on after the data callback asked for a pause; it is called with what it didn't take.
    func unpause() throws(ProvisionError) {
        let code = provision_curl_easy_pause(raw, 0)
        guard code == CURLE_OK || code == CURLE_WRITE_ERROR else {
            throw ProvisionError(.failed, "libcurl can't go on: \(Curl.describe(code))")
        }
    }

    /// The last HTTP status, a proxy's where no server was reached; 0 where there was none.
    var status: Int {
        var value = 0
        provision_curl_get_long(raw, CURLINFO_RESPONSE_CODE, &value)
        if value == 0 { provision_curl_get_long(raw, CURLINFO_HTTP_CONNECTCODE, &value) }
        return value
    }

    /// Seconds that the server asked for by Retry-After, as a number or a date; 0 where it didn't.
    var retryAfter: Int {
        var value: curl_off_t = 0
        provision_curl_get_offset(raw, CURLINFO_RETRY_AFTER, &value)
        return max(0, Int(value))
    }

    /// How long the connection took to come about, without looking up the name.
    var connectMilliseconds: Double {
        var lookup: curl_off_t = 0
        var connect: curl_off_t = 0
        provision_curl_get_offset(raw, CURLINFO_NAMELOOKUP_TIME_T, &lookup)
        provision_curl_get_offset(raw, CURLINFO_CONNECT_TIME_T, &connect)
        return Double(connect - lookup) / 1000
    }

    /// What went wrong, in libcurl's words made ours: lower case, no full stop.
    func describe(_ code: CURLcode) -> String {
        let text = String(cString: errorText)
        return text.isEmpty ? Curl.describe(code) : Curl.sentence(text)
    }
}

/// Many transfers at once on one thread, with the connections that they share.
struct MultiHandle: ~Copyable {
    private let raw: UnsafeMutableRawPointer

    init(connectionsPerHost: Int) throws(ProvisionError) {
        try Curl.start()
        guard let handle = provision_curl_multi_init() else {
            throw ProvisionError(.failed, "cannot start libcurl: out of memory")
        }
        raw = handle
        provision_curl_multi_set_long(raw, CURLMOPT_MAX_HOST_CONNECTIONS, connectionsPerHost)
    }

    deinit { provision_curl_multi_cleanup(raw) }

    func add(_ easy: borrowing EasyHandle) throws(ProvisionError) { try check(provision_curl_multi_add_handle(raw, easy.raw)) }

    func remove(_ easy: borrowing EasyHandle) { provision_curl_multi_remove_handle(raw, easy.raw) }

    /// Moves every transfer on as far as it goes without waiting.
    func perform() throws(ProvisionError) {
        var running: Int32 = 0
        try check(provision_curl_multi_perform(raw, &running))
    }

    /// Waits until there is something to do here or with `others`, at most `milliseconds`; a signal ends it early.
    func wait(milliseconds: Int32, others: [AwaitedDescriptor] = []) throws(ProvisionError) {
        var awaited = others.map { other in
            curl_waitfd(
                fd: other.descriptor.rawValue,
                events: Int16(CURL_WAIT_POLLIN) | (other.wantsToWrite ? Int16(CURL_WAIT_POLLOUT) : 0), revents: 0)
        }
        try check(provision_curl_multi_poll(raw, &awaited, UInt32(awaited.count), milliseconds, nil))
    }

    /// One transfer that has ended since the last call, by its handle's address.
    func nextEnded() -> (handle: UnsafeMutableRawPointer, code: CURLcode)? {
        var rest: Int32 = 0
        while let message = provision_curl_multi_info_read(raw, &rest) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            return (handle, provision_curl_message_result(message))
        }
        return nil
    }

    private func check(_ code: CURLMcode) throws(ProvisionError) {
        guard code != CURLM_OK else { return }
        throw ProvisionError(.failed, "libcurl failed: \(Curl.sentence(String(cString: provision_curl_multi_strerror(code))))")
    }
}

/// libcurl as a whole.
enum Curl {
    /// What keeps libcurl from being loaded and started, which happens once, before its first use.
    private static let failure: ProvisionError? = {
        if let words = provision_curl_load() {
            return ProvisionError(
                .failed, "cannot load libcurl: \(String(cString: words))",
                hint: "install libcurl 4 (Debian: libcurl4, CentOS and Fedora: libcurl)")
        }
        let code = provision_curl_global_init(Int(CURL_GLOBAL_SSL))
        return code == CURLE_OK ? nil : ProvisionError(.failed, "cannot start libcurl: \(describe(code))")
    }()

    /// - Throws: `.failed` where libcurl isn't there, lacks a function, or can't start.
    static func start() throws(ProvisionError) {
        if let failure { throw failure }
    }

    static func describe(_ code: CURLcode) -> String { sentence(String(cString: provision_curl_easy_strerror(code))) }

    static func sentence(_ text: String) -> String {
        var text = text
        while let last = text.last, last == "." || last.isWhitespace { text.removeLast() }
        let startsWithAName = text.prefix(2).allSatisfy { $0.isUppercase }
        return startsWithAName ? text : text.prefix(1).lowercased() + text.dropFirst()
    }
}
