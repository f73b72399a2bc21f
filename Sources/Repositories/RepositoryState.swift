internal import Configuration
internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// What is remembered of a repository between runs: CACHE/repos/ID-HASH/state.json.
struct RepositoryState: Codable {
    /// Format version; another one is as good as none.
    var schema = RepositoryState.currentSchema
    /// When a mirror was last asked, seconds since 1970.
    var fetched: Int64
    /// Of the repomd.xml beside it.
    var repomd: ContentDigest
    /// Base URLs, the one that gave the metadata first.
    var mirrors: [String]
    /// The newest generation ever seen: what is older is refused.
    var newestRevision: String?
    var newestTimestamp: UInt64
    /// When `newestRevision` was first seen, seconds since 1970.
    var revisionSeen: Int64?
    /// Set where the signature of this repomd.xml held: over the keys that were trusted then.
    var verifiedBy: ContentDigest?

    static let currentSchema = 1

    /// Seconds for which a revision that nobody signed is held against what comes later.
    static let unsignedMemory: Int64 = 14 * 86400

    /// The revision that metadata must not fall below.
    ///
    /// What is signed says the truth of its makers. A revision that isn't can be any number that somebody on the way made up, and
    /// unlike a timestamp it has no "now" that it can't be beyond: so it is forgotten after a while, or one lie would shut the
    /// repository out for ever.
    func floor(signed: Bool, now: Int64) -> String? {
        guard signed || now - (revisionSeen ?? fetched) <= Self.unsignedMemory else { return nil }
        return newestRevision
    }
}

/// A repository's place in the cache.
struct RepositoryDirectory {
    let path: FilePath

    /// One that is there already.
    init(at path: FilePath) { self.path = path }

    /// One directory for each id and source: other URLs are another repository, whose history is its own.
    init(_ repository: RepositoryConfiguration, cache: FilePath) {
        // A slash at the end makes no other place of it.
        let bases = repository.baseURLs.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        let source = [repository.metalink ?? "", repository.mirrorlist ?? ""] + bases
        let hash = sha256(of: source.joined(separator: "\n")).hex.prefix(12)
        let id = repository.id.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" }
        path = cache.appending("repos").appending("\(String(id))-\(hash)")
    }

    var repomd: FilePath { path.appending("repomd.xml") }
    var signature: FilePath { path.appending("repomd.xml.asc") }
    private var state: FilePath { path.appending("state.json") }

    /// nil where nothing is remembered, or nothing that can be read: then it is made anew.
    func readState() throws(ProvisionError) -> RepositoryState? {
        guard let bytes = try Files.readIfPresent(state) else { return nil }
        do {
            let state = try JSONDecoder().decode(RepositoryState.self, from: Data(bytes))
            return state.schema == RepositoryState.currentSchema ? state : nil
        } catch { return nil }
    }

    func write(_ state: RepositoryState) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Mirrors' addresses may hold passwords.
        try Files.write(Array(try encoder.encode(state)) + [UInt8(ascii: "\n")], to: self.state, mode: 0o600)
    }
}

/// A repomd.xml and where it came from.
struct Generation {
    var repomd: Repomd
    var digest: ContentDigest
    var mirrors: [String]
}

extension RepositoryConfiguration {
    /// What a remembered signature check rests on: change a key, and it is done again.
    var keysIdentity: ContentDigest {
        sha256(of: keys.map { $0.fingerprint ?? $0.url }.sorted().joined(separator: "\n"))
    }

    /// Whether all of it lies on this host.
    var isLocal: Bool {
        metalink == nil && mirrorlist == nil && !baseURLs.isEmpty
            && baseURLs.allSatisfy { $0.lowercased().hasPrefix("file:") }
    }

    /// How messages call it.
    var label: String { "repository \"\(id)\"" }
}

/// Seconds since 1970.
func currentSeconds() -> Int64 { Int64(time(nil)) }
