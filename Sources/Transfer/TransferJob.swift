internal import CCurl
internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// One request on its way: the mirror that is being asked, the file that grows, and what went wrong so far.
final class TransferJob {
    /// What becomes of the job after a step.
    enum Outcome {
        case arrived(TransferResult)
        case failed(ProvisionError)
        /// It wants another attempt, not before this.
        case waiting(until: ContinuousClock.Instant)
    }

    /// What the next attempt asks for.
    enum Stage {
        /// The head alone, so that the heads of all files come before the bulk of any.
        case head
        case whole
    }

    let index: Int
    private(set) var stage: Stage
    private(set) var hasHead: Bool
    let request: TransferRequest
    /// When it may start; jobs that wait keep their place in the queue.
    var notBefore = ContinuousClock.now
    private var mirrors: MirrorChoice
    private var mirror = 0
    private var part: PartFile?
    private var easy: EasyHandle?
    /// Where the attempt under way began in the file.
    private var offset: UInt64 = 0
    /// What made the data callback stop the transfer: trouble of ours, or something wrong with the content.
    private var ourTrouble: ProvisionError?
    private var refusal: (kind: MirrorFailure.Kind, reason: String)?
    private(set) var downloadedBytes: UInt64 = 0
    private let pace: Pace
    /// The data callback took nothing, because there was too much already.
    private(set) var isPaused = false

    init(index: Int, request: TransferRequest, pace: Pace) {
        self.index = index
        self.pace = pace
        self.request = request
        mirrors = MirrorChoice(urls: request.urls, retries: request.transport.retries)
        stage = TransferJob.wantsHeadFirst(request) ? .head : .whole
        hasHead = request.headSize == nil
    }

    /// A small file comes as fast as its head does: one request is saved.
    private static func wantsHeadFirst(_ request: TransferRequest) -> Bool {
        guard let head = request.headSize, let size = request.size, !request.digests.isEmpty else { return false }
        return size > max(128 << 10, 3 * head)
    }

    /// Goes on behind the head without another request.
    func goOnToTheEnd() { stage = .whole }

    /// Another run writes to the same part.
    private(set) var isElsewhere = false

    /// What a person may want to know of a file that another run fetches.
    var label: String {
        guard isElsewhere else { return request.label }
        let holder = (try? FileLock.holders(partPath))?.first
        return "\(request.label), which \(holder.map { "process \($0)" } ?? "another run") fetches"
    }

    private var partPath: FilePath { FilePath(request.destination.string + TransferRequest.partSuffix) }

    /// Whether the head has come since the last time this was asked.
    func takeHead() -> Bool {
        guard !hasHead, let size = request.headSize, completed >= size else { return false }
        hasHead = true
        return true
    }

    /// Bytes of the file that are there, whoever fetches them.
    var completed: UInt64 {
        guard isElsewhere else { return part?.size ?? 0 }
        var status = stat()
        return lstat(partPath.string, &status) == 0 ? UInt64(max(0, status.st_size)) : 0
    }

    /// The origin that the next attempt would connect to; nil when no mirror is left.
    func nextOrigin(isTroubled: (String) -> Bool) -> String? {
        mirrors.next(isTroubled: isTroubled).map(mirrors.origin)
    }

    // MARK: - Before an attempt

    /// Answers without a transfer where nothing is left to fetch (or nobody to ask); nil when an attempt should start.
    func answerAtOnce() throws(ProvisionError) -> Outcome? {
        if let there = try fileThere() {
            isElsewhere = false
            return .arrived(there)
        }
        if part == nil {
            part = try PartFile.open(
                for: request.destination, algorithm: request.algorithm, keep: !request.digests.isEmpty)
            // Somebody else fetches the same file: what comes of it shows soon.
            isElsewhere = part == nil
            guard part != nil else { return .waiting(until: .now + .milliseconds(200)) }
        }
        guard let part else { return nil }
        if let size = request.size, !request.digests.isEmpty, part.size >= size {
            if part.size == size, request.digests.contains(part.digest) { return .arrived(try finish(part)) }
            try part.restart()
        }
        if mirrors.next() == nil { return .failed(mirrors.error(label: request.label)) }
        return nil
    }

    /// A file that is at the destination already counts where its digest is known: its name or its maker vouch for it.
    private func fileThere() throws(ProvisionError) -> TransferResult? {
        guard !request.digests.isEmpty, Files.exists(request.destination) else { return nil }
        let found = try digest(ofFileAt: request.destination, algorithm: request.algorithm)
        guard request.digests.contains(found.digest) else { return nil }
        return TransferResult(
            path: request.destination, digest: found.digest, size: found.size, mirror: nil,
            downloadedBytes: downloadedBytes, failures: mirrors.failures)
    }

    // MARK: - An attempt

    /// Starts asking the next mirror; returns the handle's address.
    func start(on multi: borrowing MultiHandle, agent: String, isTroubled: (String) -> Bool) throws(ProvisionError)
        -> UnsafeMutableRawPointer
    {
        guard let part, let next = mirrors.next(isTroubled: isTroubled) else {
            throw ProvisionError(.failed, "no mirror is left for \"\(request.label)\"")
        }
        mirror = next
        if request.digests.isEmpty || !mirrors.resumes(mirror) { try part.restart() }
        offset = part.size
        refusal = nil
        if !mirrors.resumes(mirror) || offset >= request.headSize ?? 0 { stage = .whole }
        isPaused = false
        let handle = try EasyHandle()
        let end = stage == .head ? request.headSize : nil
        try handle.prepare(url: mirrors.url(mirror), request: request, agent: agent, offset: offset, end: end)
        provision_curl_set_data_callback(handle.raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let job = Unmanaged<TransferJob>.fromOpaque(context).takeUnretainedValue()
            let content = UnsafeRawBufferPointer(start: bytes, count: size * count)
            if job.isTooFast { return Int(CURL_WRITEFUNC_PAUSE) }
            return job.receive(content) ? content.count : 0
        }
        provision_curl_set_pointer(handle.raw, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
        try multi.add(handle)
        let address = handle.raw
        easy = consume handle
        return address
    }

    /// Takes the handle out of `multi`; the part stays.
    func stop(on multi: borrowing MultiHandle) {
        if let handle = easy.take() { multi.remove(handle) }
    }

    /// Whether content has to wait. Files are read, not asked for: no limit applies to them.
    private var isTooFast: Bool {
        isPaused = pace.isAhead(of: request.transport.throttle) && !mirrors.url(mirror).hasPrefix("file:")
        return isPaused
    }

    /// Takes what waits, where there is time for it now.
    func resume() throws(ProvisionError) {
        guard isPaused, !pace.isAhead(of: request.transport.throttle) else { return }
        isPaused = false
        try easy?.unpause()
    }

    /// Content from the wire; false stops the transfer.
    private func receive(_ content: UnsafeRawBufferPointer) -> Bool {
        guard let part else { return false }
        downloadedBytes += UInt64(content.count)
        pace.add(content.count, under: request.transport.throttle)
        // A redirect without an address, say: FAILONERROR stops only at 400 and above.
        if let status = easy?.status, status != 0, status != 200, status != 206 {
            refusal = (.refused, describe(status: status))
            return false
        }
        // It sends the whole file instead of a range: from an offset that is something else than what was asked for.
        if stage == .head, easy?.status == 200 {
            if offset > 0 { return false }
            stage = .whole
        }
        let size = part.size + UInt64(content.count)
        if let expected = request.size, size > expected {
            refusal = (.wrongBytes, "it is longer than the \(expected) bytes that it should have")
            return false
        }
        if size > request.maximumSize {
            refusal = (.wrongBytes, tooLong)
            return false
        }
        do {
            // A file URL is read in one go: the loop outside doesn't run meanwhile.
            try Interruption.check()
            try part.append(content)
            return true
        } catch {
            ourTrouble = error
            return false
        }
    }

    private var tooLong: String {
        "it is longer than the \(formatted(bytes: request.maximumSize)) accepted (see [limits] in config/settings.toml)"
    }

    // MARK: - After an attempt

    /// The attempt has ended with `code`; its handle is still ours.
    ///
    /// - Returns: what becomes of the job, and whether the origin answered at all.
    func conclude(_ code: CURLcode, on multi: borrowing MultiHandle) throws(ProvisionError) -> (Outcome, reached: Bool) {
        defer { stop(on: multi) }
        if let ourTrouble { throw ourTrouble }
        guard let part else { throw ProvisionError(.failed, "\"\(request.label)\" has no file to grow") }
        let status = easy?.status ?? 0
        if code == CURLE_OK, stage == .head, part.size == request.headSize {
            stage = .whole
            return (.waiting(until: .now), true)
        }
        if code == CURLE_OK { return (try judge(part), true) }
        let refusesRange = stage == .head && (status == 200 || [400, 403, 405, 406, 416, 501].contains(status))
        if code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME || (refusesRange && refusal == nil) {
            mirrors.ignoresRanges(mirror)
            return (.waiting(until: .now), true)
        }
        // The server's file ends where the part does, or before: all is here already, or the part is wrong.
        if status == 416, offset > 0 { return (try judge(part), true) }
        let received = part.size > offset
        let failure =
            refusal
            ?? (failureKind(code, status: status, received: received), reason(code, status: status))
        if failure.kind == .wrongBytes, offset > 0 { return (try fromTheStart(part), true) }
        if failure.kind == .wrongBytes { try part.restart() }
        let retryAfter = status == 429 || status == 503 ? easy?.retryAfter ?? 0 : 0
        return (leaveMirror(failure.kind, failure.reason, retryAfter: retryAfter), failure.kind != .unreachable)
    }

    /// What went wrong, for a person.
    private func reason(_ code: CURLcode, status: Int) -> String {
        switch code {
        case CURLE_HTTP_RETURNED_ERROR: return describe(status: status)
        case CURLE_FILESIZE_EXCEEDED: return tooLong
        case CURLE_UNSUPPORTED_PROTOCOL where (300..<400).contains(status):
            return "it redirects to something less safe, or to another protocol, which is not followed"
        case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM:
            return "a certificate file that the configuration names can't be used (sslcacert, sslclientcert, sslclientkey): "
                + (easy?.describe(code) ?? Curl.describe(code))
        default: return easy?.describe(code) ?? Curl.describe(code)
        }
    }

    /// All bytes that the server meant to send are here.
    private func judge(_ part: PartFile) throws(ProvisionError) -> Outcome {
        let status = easy?.status ?? 0
        let wrong: String? =
            if let size = request.size, part.size != size {
                "it has \(part.size) bytes instead of \(size)"
            } else if let wanted = request.digests.first, !request.digests.contains(part.digest) {
                "its \(wanted.algorithm.rawValue) is \(part.digest.short)… instead of \(wanted.short)…"
            } else {
                nil
            }
        if wrong == nil, status == 0 || status == 200 || status == 206 || status == 416 { return .arrived(try finish(part)) }
        if offset > 0 { return try fromTheStart(part) }
        try part.restart()
        return leaveMirror(wrong == nil ? .refused : .wrongBytes, wrong ?? describe(status: status))
    }

    /// What an earlier attempt or another mirror left in the part may be what's wrong: the same mirror once more, from 0.
    private func fromTheStart(_ part: PartFile) throws(ProvisionError) -> Outcome {
        try part.restart()
        return .waiting(until: .now)
    }

    private func leaveMirror(_ kind: MirrorFailure.Kind, _ reason: String, retryAfter: Int = 0) -> Outcome {
        let wish = retryAfter > 0 ? "\(reason), to be asked again after \(retryAfter) seconds" : reason
        let pause = mirrors.failed(mirror, kind, wish, retryAfter: retryAfter)
        guard mirrors.next() != nil else {
            // What can't be resumed is no use to anybody.
            if request.digests.isEmpty || part?.size == 0 { part?.discard() }
            part = nil
            return .failed(mirrors.error(label: request.label))
        }
        return .waiting(until: .now + pause)
    }

    private func finish(_ part: PartFile) throws(ProvisionError) -> TransferResult {
        try part.commit()
        let result = TransferResult(
            path: request.destination, digest: part.digest, size: part.size,
            mirror: downloadedBytes > 0 ? mirror : nil, downloadedBytes: downloadedBytes,
            failures: mirrors.failures)
        self.part = nil
        return result
    }
}
