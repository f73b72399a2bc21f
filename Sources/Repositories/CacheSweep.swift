internal import Diagnostics
internal import Glibc
internal import Model
internal import System
public import SystemPackage

/// Removes from the cache what no run needs any more: metadata of older generations, its parsed forms, downloads that nobody
/// went on with. What the newest index of each repository names stays, as do packages, keys, and what is remembered against
/// rollbacks.
public struct CacheSweep {
    /// What was removed, in words, and how much room that made.
    public struct Report: Sendable, Equatable {
        public var removed: [String] = []
        public var freedBytes: UInt64 = 0

        public init() {}
    }

    private let cache: FilePath
    private let now: Int64

    /// Metadata of a repository that nobody asked for in this time goes too.
    private static let maximumAgeOfRepositories: Int64 = 30 * 86400
    private static let maximumAgeOfParts: Int64 = 7 * 86400
    /// Temporary files live for a moment, and no run that uses the cache is under way when this looks.
    private static let maximumAgeOfTemporaries: Int64 = 60

    /// - Parameter now: seconds since 1970; nil for the clock's.
    public init(cache: FilePath, now: Int64? = nil) {
        self.cache = cache
        self.now = now ?? currentSeconds()
    }

    /// The other processes that use the cache right now, as far as they can be seen.
    public var users: [Int32] {
        get throws(ProvisionError) { try FileLock.holders(CacheUse.lockPath(cache)) }
    }

    /// nil where a running process uses the cache: then nothing is touched.
    public func run() throws -> Report? {
        guard Files.isDirectory(cache) else { return Report() }
        guard let lock = try FileLock.trying(CacheUse.lockPath(cache), words: "removing what is not needed") else { return nil }
        var report = Report()
        let (files, generations) = try needed()
        let metadata = cache.appending("metadata")
        try remove("of old metadata", in: metadata, &report) { name, _ in
            !files.contains(name) && !(name.hasSuffix(".part") && files.contains(String(name.dropLast(5))))
        }
        try remove("of parsed old metadata", in: cache.appending("solv"), &report) { name, _ in
            !generations.contains { name.hasPrefix($0) }
        }
        let urls = cache.appending("urls")
        try remove("of what package URLs held", in: urls, &report) { name, age in
            name.hasSuffix(".json") && age > Self.maximumAgeOfRepositories
        }
        let plans = cache.appending("plans")
        try remove("of plans that nobody asked for lately", in: plans, &report) { _, age in age > Self.maximumAgeOfParts }
        for directory in [metadata, urls] + (try subdirectories("repos")) + (try subdirectories("packages")) {
            try remove("of downloads that were not gone on with", in: directory, &report) { name, age in
                name.hasSuffix(".part") && age > Self.maximumAgeOfParts
            }
        }
        // A push or a pull removes its blobs when it is done; what is still there after days was broken off.
        for directory in try subdirectories("blobs") {
            try remove("of blobs that were on their way", in: directory, &report) { _, age in age > Self.maximumAgeOfParts }
        }
        try remove("of records of pushed layers", in: cache.appending("packed"), &report) { _, age in
            age > Self.maximumAgeOfRepositories
        }
        let all = [cache, metadata, urls, plans, cache.appending("solv"), cache.appending("keys")]
        for directory in all + (try subdirectories("repos")) + (try subdirectories("packages")) {
            try remove("left by processes that died", in: directory, &report) { name, age in
                (name.contains(".new-") || name.contains(".fetched")) && age > Self.maximumAgeOfTemporaries
            }
        }
        // Held until here.
        _ = consume lock
        return report
    }

    /// Names in `metadata`, and the beginnings of names in `solv`, that the newest index of some repository stands for.
    private func needed() throws -> (files: Set<String>, generations: Set<String>) {
        var files: Set<String> = []
        var generations: Set<String> = []
        for path in try subdirectories("repos") {
            let directory = RepositoryDirectory(at: path)
            guard let state = try directory.readState(), now - state.fetched < Self.maximumAgeOfRepositories,
                let document = try Files.readIfPresent(directory.repomd)
            else { continue }
            generations.insert(state.repomd.hex)
            let repomd: Repomd
            do throws(ProvisionError) {
                repomd = try Repomd(parsing: document, source: "\"\(directory.repomd)\"")
            } catch {
                if error.code == .interrupted { throw error }
                // Nobody will take a damaged index for current: what it named is fetched anew.
                continue
            }
            for record in repomd.records { files.insert(MetadataFile.name(of: record)) }
        }
        return (files, generations)
    }

    private func subdirectories(_ name: String) throws(ProvisionError) -> [FilePath] {
        let directory = cache.appending(name)
        return try Files.names(in: directory).map { directory.appending($0) }.filter(Files.isDirectory)
    }

    /// Removes the files of a directory that `isGarbage` says so of, by name and age in seconds; a file that a process holds a
    /// lock on stays.
    private func remove(
        _ what: String, in directory: FilePath, _ report: inout Report, where isGarbage: (String, Int64) -> Bool
    ) throws {
        var count = 0
        var bytes: UInt64 = 0
        for name in try Files.names(in: directory) {
            try Interruption.check()
            let path = directory.appending(name)
            var status = stat()
            guard lstat(path.string, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { continue }
            guard isGarbage(name, now - Int64(status.st_mtim.tv_sec)) else { continue }
            if status.st_mode & S_IFMT == S_IFREG, try FileLock.isHeld(path) { continue }
            try Files.remove(path)
            count += 1
            bytes += UInt64(status.st_blocks) * 512
        }
        guard count > 0 else { return }
        report.freedBytes += bytes
        report.removed.append(
            "\(count) file\(count == 1 ? "" : "s") \(what) in \"\(directory)\": \(formatted(bytes: bytes))")
    }
}

/// Held while a process works with what lies in the cache, by any number of processes at once: nothing is swept meanwhile.
struct CacheUse: ~Copyable {
    private let lock: FileLock

    static func lockPath(_ cache: FilePath) -> FilePath { cache.appending("in-use") }

    /// - Throws: where the cache can't be written to; `.interrupted` while a sweep is waited for.
    init(of cache: FilePath) throws(ProvisionError) {
        try Files.makeDirectory(cache)
        lock = try FileLock.sharing(Self.lockPath(cache))
    }
}
