internal import CSolv
internal import Diagnostics
internal import Glibc
internal import Repositories
internal import System
internal import SystemPackage

/// Parsed metadata in libsolv's own format: CACHE/solv/NAME.solv.
///
/// libsolv trusts what it reads, so nothing reaches it but what `DerivedFiles` vouches for: of this format and libsolv's version,
/// made from this generation.
struct SolvCache {
    private let files: DerivedFiles
    private let indexes: DerivedFiles

    init(directory: FilePath) {
        files = DerivedFiles(in: directory, format: "provision-solv 3 \(solverVersion)")
        indexes = DerivedFiles(in: directory, format: "provision-closure 1 \(solverVersion)")
    }

    /// The data stored under `name` for this generation, or nil. A file that doesn't belong or is damaged is removed.
    func read(_ name: String, generation: String) throws(ProvisionError) -> ArraySlice<UInt8>? {
        try files.read("\(name).solv", from: generation)
    }

    func write(_ content: [UInt8], name: String, generation: String) throws(ProvisionError) {
        try files.write(content, name: "\(name).solv", from: generation)
    }

    // MARK: Indexes

    /// The index of a repository's metadata, or nil.
    func closureIndex(of source: RepositorySource) throws(ProvisionError) -> ClosureIndex? {
        guard let blocks = try indexes.blocks(indexName(source), from: source.generation) else { return nil }
        do { return try ClosureIndex(blocks) } catch { return nil }
    }

    /// Makes it, but not of metadata that is larger than any that is known: an index is three times as large.
    func makeClosureIndex(of parsed: MetadataLoader.Parsed) throws(ProvisionError) {
        guard parsed.primary.count < 256 << 20 else { return }
        let pool = SolvPool(architecture: nil)
        let repository = pool.addRepository(parsed.source.id)
        try repository.add(parsed.primary, of: parsed.source)
        var writer = ClosureIndexWriter(repository, in: pool)
        try indexes.writeBlocks(writer.make(), name: indexName(parsed.source), from: parsed.source.generation)
    }

    private func indexName(_ source: RepositorySource) -> String { "\(source.cacheName)-closure" }
}

extension RepositorySource {
    /// What the names of its files in the cache begin with.
    var cacheName: String {
        String(generation.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }.prefix(80))
    }
}

/// libsolv's version: answers and caches hang on it.
public let solverVersion = String(cString: csolv_version())

/// A C stream that collects what is written to it.
func collected(_ write: (UnsafeMutablePointer<FILE>) -> Bool) -> [UInt8]? {
    var buffer: UnsafeMutablePointer<CChar>?
    var size = 0
    guard let stream = open_memstream(&buffer, &size) else { return nil }
    let written = write(stream)
    let closed = fclose(stream) == 0
    defer { free(buffer) }
    guard written, closed, let buffer else { return nil }
    return Array(UnsafeRawBufferPointer(start: buffer, count: size))
}
