internal import Diagnostics

/// Which mirror of one file is asked next: each in order of preference, then again those whose trouble may pass.
struct MirrorChoice {
    private struct Mirror {
        let url: String
        /// Asked for at every look at the queue.
        let origin: String
        var attempts = 0
        var isUsable = true
        /// False once it turned out that the server ignores or refuses ranges.
        var resumes = true
        var failure: MirrorFailure?
        /// Before this the server doesn't want to be asked again.
        var notBefore: ContinuousClock.Instant?
    }

    /// A server that wants to be left alone for longer is left behind.
    static let longestPause = 120

    private var mirrors: [Mirror]
    private let retries: Int

    init(urls: [String], retries: Int) {
        mirrors = urls.map { Mirror(url: $0, origin: Transfer.origin(of: $0)) }
        self.retries = retries
    }

    /// The next mirror to ask, or nil when all are used up. A mirror whose host `isTroubled` waits for its turn after the others.
    func next(isTroubled: (String) -> Bool = { _ in false }) -> Int? {
        var best: (index: Int, rank: (Int, Int, Int))?
        for index in mirrors.indices where mirrors[index].isUsable {
            let rank = rank(index, isTroubled)
            if best.map({ rank < $0.rank }) ?? true { best = (index, rank) }
        }
        return best?.index
    }

    private func rank(_ index: Int, _ isTroubled: (String) -> Bool) -> (Int, Int, Int) {
        (mirrors[index].attempts, isTroubled(mirrors[index].origin) ? 1 : 0, index)
    }

    func url(_ index: Int) -> String { mirrors[index].url }

    func origin(_ index: Int) -> String { mirrors[index].origin }

    func resumes(_ index: Int) -> Bool { mirrors[index].resumes }

    mutating func ignoresRanges(_ index: Int) { mirrors[index].resumes = false }

    /// Notes a failure, and returns how long to wait before the next attempt.
    ///
    /// - Parameter retryAfter: seconds that the server wants not to be asked for.
    mutating func failed(
        _ index: Int, _ kind: MirrorFailure.Kind, _ reason: String, retryAfter: Int = 0
    ) -> Duration {
        mirrors[index].attempts += 1
        mirrors[index].failure = MirrorFailure(url: withoutCredentials(mirrors[index].url), kind: kind, reason: reason)
        let attempts = mirrors[index].attempts
        switch kind {
        case .refused, .wrongBytes: mirrors[index].isUsable = false
        // A host that is down stays down: a short hiccup is worth waiting for, the whole patience of `retries` isn't.
        case .unreachable: mirrors[index].isUsable = attempts <= min(retries, 2)
        case .passing: mirrors[index].isUsable = attempts <= retries
        }
        if retryAfter > Self.longestPause { mirrors[index].isUsable = false }
        mirrors[index].notBefore = retryAfter > 0 ? .now + .seconds(retryAfter) : nil
        guard let following = next(), mirrors[following].attempts > 0 else { return .zero }
        let pause = Duration.milliseconds(min(100 << min(mirrors[following].attempts - 1, 10), 3000))
        return max(pause, mirrors[following].notBefore.map { $0 - .now } ?? .zero)
    }

    var failures: [MirrorFailure] { mirrors.compactMap(\.failure) }

    /// What to throw when no mirror is left: `.verification` where wrong bytes were all that went wrong.
    func error(label: String) -> ProvisionError {
        let failures = failures
        let causes = failures.map { "\($0.url): \($0.reason)" }
        if failures.isEmpty {
            return ProvisionError(.unreachable, "cannot download \"\(label)\": no address is known for it")
        }
        if failures.allSatisfy({ $0.kind == .wrongBytes }) {
            return ProvisionError(
                .verification, "\"\(label)\" is not what its metadata says",
                hint: "a mirror may be out of date, damaged or tampered with: try again later, or another mirror",
                causes: causes)
        }
        return ProvisionError(
            .unreachable, "cannot download \"\(label)\"" + (failures.count > 1 ? ": all \(failures.count) mirrors failed" : ""),
            causes: causes)
    }
}

/// `scheme://host:port` of a URL: what a connection is made to.
func origin(of url: String) -> String {
    let clean = withoutCredentials(url)
    return authority(of: clean).map { String(clean[..<$0.endIndex]) } ?? clean
}

/// What stands between `://` and the path; nil where there is no `://`. Bytes are compared: this is asked for every package.
private func authority(of url: String) -> Substring? {
    let bytes = url.utf8
    guard let scheme = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[scheme...].starts(with: "://".utf8) else { return nil }
    let start = bytes.index(scheme, offsetBy: 3)
    let end = bytes[start...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
    return url[start..<(end ?? bytes.endIndex)]
}

/// A URL without user name and password, as messages may show it.
public func withoutCredentials(_ url: String) -> String {
    guard let authority = authority(of: url), let at = authority.utf8.lastIndex(of: UInt8(ascii: "@")) else { return url }
    return String(url[..<authority.startIndex] + url[url.utf8.index(after: at)...])
}
