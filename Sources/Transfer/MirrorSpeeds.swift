internal import CCurl
public import Diagnostics
internal import FoundationEssentials
internal import Glibc
public import Model
internal import System
public import SystemPackage

/// Which mirrors are near: how long a connection to each host takes, measured at all of them at the same time and remembered.
///
/// As the fastestmirror of yum and dnf, whose librepo measures the same.
public struct MirrorSpeeds: Sendable {
    /// What is remembered of one origin: CACHE/mirror-speeds.json.
    private struct Entry: Codable {
        /// nil where no connection came about.
        var milliseconds: Double?
        /// Seconds since 1970.
        var measured: Int64
    }

    private let file: FilePath

    /// Who doesn't answer in this time is too far away to be asked first. Seconds; librepo's.
    private static let patience = 2
    private static let proxyVariables = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    private static let maximumAge: Int64 = 10 * 86400
    /// A host that was down may be up again soon.
    private static let maximumAgeOfFailures: Int64 = 3600

    /// - Parameter cache: provision's cache directory.
    public init(cache: FilePath) { file = cache.appending("mirror-speeds.json") }

    /// `urls`, files of this host first, then the nearest; those that can't be connected to last. Where several are equally
    /// near their order stays.
    ///
    /// - Throws: `.interrupted`. A list of measurements that can't be read or written costs time, nothing else.
    public func sorted(
        _ urls: [String], transport: TransportOptions, progress: any ProgressSink
    ) throws -> [String] {
        // Behind a proxy every mirror is as far as the proxy.
        guard urls.count > 1, !usesProxy(transport) else { return urls }
        var known = read()
        let now = Int64(time(nil))
        let origins = Set(urls.map(origin)).filter { $0.hasPrefix("http") }
        let unknown = origins.filter { origin in
            guard let entry = known[origin] else { return true }
            let age = now - entry.measured
            return age < 0 || age > (entry.milliseconds == nil ? Self.maximumAgeOfFailures : Self.maximumAge)
        }
        if !unknown.isEmpty {
            for (origin, milliseconds) in try measure(unknown.sorted(), transport) {
                known[origin] = Entry(milliseconds: milliseconds, measured: now)
                let words = milliseconds.map { "\(Int($0.rounded(.up))) ms" } ?? "no connection"
                progress.detail("mirror \"\(origin)\": \(words)")
            }
            do {
                try Files.makeDirectory(file.removingLastComponent())
                try Files.write(Array(try JSONEncoder().encode(known)), to: file)
            } catch {
                progress.detail("the speeds of mirrors are not remembered: \(error)")
            }
        }
        func rank(_ url: String) -> Double {
            let origin = origin(of: url)
            return origin.hasPrefix("file:") ? 0 : known[origin]?.milliseconds ?? .infinity
        }
        return urls.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }.map(\.element)
    }

    private func usesProxy(_ transport: TransportOptions) -> Bool {
        if let proxy = transport.proxy { return !proxy.isEmpty }
        return Self.proxyVariables.contains { name in getenv(name).map { $0[0] != 0 } ?? false }
    }

    private func read() -> [String: Entry] {
        do {
            guard let bytes = try Files.readIfPresent(file) else { return [:] }
            return try JSONDecoder().decode([String: Entry].self, from: Data(bytes))
        } catch {
            // Damaged or of another version: it is measured anew and written over.
            return [:]
        }
    }

    /// Milliseconds until each origin's connection, without looking up its name; nil where none came about.
    private func measure(_ origins: [String], _ transport: TransportOptions) throws -> [String: Double?] {
        let multi = try MultiHandle(connectionsPerHost: 1)
        var running: [UnsafeMutableRawPointer: Probe] = [:]
        defer { for probe in running.values { multi.remove(probe.easy) } }
        for origin in origins {
            let probe = Probe(origin: origin, easy: try EasyHandle())
            try probe.easy.set(CURLOPT_URL, origin + "/")
            try probe.easy.set(CURLOPT_NOSIGNAL, 1)
            try probe.easy.set(CURLOPT_CONNECT_ONLY, 1)
            try probe.easy.set(CURLOPT_CONNECTTIMEOUT, Self.patience)
            try probe.easy.set(CURLOPT_PROXY, "")
            try probe.easy.setAddressFamily(transport.addressFamily)
            try probe.easy.setTLS(transport)
            try multi.add(probe.easy)
            running[probe.easy.raw] = probe
        }
        var result: [String: Double?] = [:]
        while !running.isEmpty {
            try Interruption.check()
            try multi.perform()
            var ended = false
            while let (handle, code) = multi.nextEnded() {
                ended = true
                guard let probe = running.removeValue(forKey: handle) else { continue }
                result[probe.origin] = .some(code == CURLE_OK ? probe.easy.connectMilliseconds : nil)
                multi.remove(probe.easy)
            }
            if !ended, !running.isEmpty { try multi.wait(milliseconds: 100) }
        }
        return result
    }

    /// A connection under way.
    private final class Probe {
        let origin: String
        let easy: EasyHandle

        init(origin: String, easy: consuming EasyHandle) {
            self.origin = origin
            self.easy = easy
        }
    }
}
