internal import Diagnostics
internal import Model
internal import System
internal import SystemPackage
internal import Transfer

/// One blob's way into a repository: large ones in pieces, so that a broken connection costs what was under way and no more, where
/// the registry can tell how much arrived. One that can't (docker's, for a piece that broke off) gets the blob anew.
///
/// Source: the OCI distribution specification 1.1, "Pushing a blob in chunks".
struct BlobUpload {
    let session: RegistrySession
    let progress: any ProgressSink
    let file: FileDescriptor
    let descriptor: OCI.Descriptor
    /// Another repository of the registry that has it: then it is mounted instead of sent, where we may.
    let source: String?
    /// Told of bytes that went out.
    let sent: (UInt64) -> Void

    /// Larger blobs go in pieces of this many bytes.
    static let piece: UInt64 = 16 << 20
    /// So many failures on end are one too many.
    private static let limit = 5

    private var failures = 0
    private var place = ""
    /// Bytes that the registry has.
    private var offset: UInt64 = 0

    init(
        session: RegistrySession, progress: any ProgressSink, file: FileDescriptor, descriptor: OCI.Descriptor, source: String?,
        sent: @escaping (UInt64) -> Void
    ) {
        self.session = session
        self.progress = progress
        self.file = file
        self.descriptor = descriptor
        self.source = source
        self.sent = sent
    }

    /// - Throws: `.unreachable` for a registry that fails again and again; `.verification` for a file that isn't what its
    ///   descriptor says; as `RegistrySession.perform`.
    mutating func run() throws(ProvisionError) {
        guard try begin(mountingFrom: source) else { return }
        while true {
            let isWhole = descriptor.size <= BlobUpload.piece
            let isLast = isWhole || offset == descriptor.size
            let answer: HTTPAnswer
            do throws(ProvisionError) {
                answer = try isLast ? finish(withContent: isWhole) : sendPiece()
            } catch {
                guard error.code == .unreachable else { throw error }
                try failed(error, retryAfter: 0)
                if try isDone(asking: !isWhole) { return }
                continue
            }
            switch answer.status {
            case 201, 204: return
            case 202:
                let end = min(BlobUpload.end(of: answer) ?? offset + BlobUpload.piece, descriptor.size)
                place = answer.header("location") ?? place
                if end > offset {
                    failures = 0
                } else {
                    try failed(session.failure(answer, "PATCH", place), retryAfter: 0)
                }
                offset = end
            case 400 where session.errorCodes(answer).contains("DIGEST_INVALID"):
                throw ProvisionError(
                    .verification, "\"\(session.reference.registry)\" got another blob than \(descriptor.digest)",
                    hint: "the file was changed on its way", causes: session.failure(answer, "PUT", place).causes)
            default:
                let failure = session.failure(answer, isLast ? "PUT" : "PATCH", place)
                try failed(failure, retryAfter: answer.retryAfter)
                // 404 and 400: it knows of no such upload, or can't go on with it.
                let mayGoOn = answer.status == 416 || RegistrySession.isPassing(answer.status)
                if try isDone(asking: !isWhole && mayGoOn) { return }
            }
        }
    }

    /// Asks for a place to upload to; false where the blob was mounted.
    private mutating func begin(mountingFrom source: String?) throws(ProvisionError) -> Bool {
        let answer: HTTPAnswer
        if let source {
            let query = RegistrySession.form([("mount", descriptor.digest.description), ("from", source)])
            do throws(ProvisionError) {
                answer = try session.perform("POST", "blobs/uploads/?\(query)", accepted: [201, 202])
            } catch {
                // Who may push here need not be allowed there.
                guard error.code == .verification || error.code == .notFound else { throw error }
                return try begin(mountingFrom: nil)
            }
        } else {
            answer = try session.perform("POST", "blobs/uploads/", accepted: [202])
        }
        if answer.status == 201 { return false }
        guard let location = answer.header("location") else {
            throw ProvisionError(.failed, "\"\(session.reference.registry)\" says no place to upload to")
        }
        (place, offset) = (location, 0)
        return true
    }

    private func sendPiece() throws(ProvisionError) -> HTTPAnswer {
        let length = min(BlobUpload.piece, descriptor.size - offset)
        return try session.perform(
            "PATCH", place,
            headers: [
                ("Content-Type", "application/octet-stream"), ("Content-Range", "\(offset)-\(offset + length - 1)"),
            ], body: .file(file, offset: offset, length: length), accepted: BlobUpload.answers.union([202]), repeats: false,
            sent: sent)
    }

    private func finish(withContent: Bool) throws(ProvisionError) -> HTTPAnswer {
        let mark = place.contains("?") ? "&" : "?"
        return try session.perform(
            "PUT", place + mark + RegistrySession.form([("digest", descriptor.digest.description)]),
            headers: [("Content-Type", "application/octet-stream")],
            body: withContent ? .file(file, offset: 0, length: descriptor.size) : .none,
            accepted: BlobUpload.answers.union([201, 204]), repeats: false, sent: sent)
    }

    /// What can be done something about.
    private static let answers: Set<Int> = Set([400, 404, 408, 416, 429]).union(500..<600)

    /// Waits, unless it was one failure too many.
    private mutating func failed(_ error: ProvisionError, retryAfter: Int) throws(ProvisionError) {
        failures += 1
        guard failures <= BlobUpload.limit else { throw error }
        try session.wait(seconds: max(retryAfter, failures), after: error.causes.first ?? error.message)
    }

    /// Finds out where to go on; whether there is nothing left to do.
    ///
    /// - Parameter asking: whether the upload that broke off may be one to go on with.
    private mutating func isDone(asking: Bool) throws(ProvisionError) -> Bool {
        if asking {
            let state = try session.perform("GET", place, accepted: [204, 400, 404])
            if state.status == 204 {
                place = state.header("location") ?? place
                offset = min(BlobUpload.end(of: state) ?? 0, descriptor.size)
                progress.detail(
                    "\"\(session.reference.registry)\" has \(formatted(bytes: offset)) of \(descriptor.digest.short)")
                return false
            }
        }
        // The answer alone may have been lost.
        if try session.perform("HEAD", "blobs/\(descriptor.digest)", accepted: [200, 404]).status == 200 { return true }
        progress.detail("\"\(session.reference.registry)\" lost \(descriptor.digest.short): sending it anew")
        return try !begin(mountingFrom: nil)
    }

    /// Bytes that are there by `Range: 0-LAST`; nil where it says none. `0-0` is what registries say of an empty upload.
    private static func end(of answer: HTTPAnswer) -> UInt64? {
        guard let last = answer.header("range")?.split(separator: "-").last.flatMap({ UInt64($0) }) else { return nil }
        return last == 0 ? 0 : last + 1
    }
}
