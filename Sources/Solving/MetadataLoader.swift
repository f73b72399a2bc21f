internal import CSolv
internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Brings a repository's metadata into a pool: from the cache where it is there, else from the XML, which then is cached.
///
/// XML is parsed in a pool of its own and comes to the real one through the cache's form. So the numbers of strings, which
/// break some of the solver's ties, are the same the first time and later.
struct MetadataLoader {
    let pool: SolvPool
    let cache: SolvCache
    /// Bytes that one file may unpack to.
    let limit: UInt64
    let progress: any ProgressSink
    /// Descriptions, licences and the like too, which only people read.
    var withDetails = false

    /// A repository's packages in libsolv's format.
    struct Parsed: Sendable {
        let source: RepositorySource
        let primary: ArraySlice<UInt8>
    }

    /// - Throws: `.verification` for metadata that can't be parsed, `.interrupted`.
    func load(_ parsed: Parsed, withFilelists: Bool) throws {
        let (source, primary) = (parsed.source, parsed.primary)
        let repository = pool.addRepository(source)
        try repository.add(primary, of: source)
        guard withFilelists else { return }
        let filelists = try cached("filelists", source) { try parseFilelists(source, primary: primary) }
        // Directory names stay out of the pool's own strings; as dnf does.
        if !filelists.isEmpty { try repository.add(filelists, of: source, flags: REPO_EXTEND_SOLVABLES | REPO_LOCALPOOL) }
    }

    /// - Throws: `.verification` for metadata that can't be parsed, `.interrupted`.
    func parsed(_ source: RepositorySource) throws -> Parsed {
        let primary = try cached(withDetails ? "details" : "primary", source) {
            try parsePrimary(source, withDetails: withDetails)
        }
        return Parsed(source: source, primary: primary)
    }

    /// What the cache has, or else what `make` makes, which then is stored. A cache that can't be written costs time,
    /// nothing else: it is told, not thrown.
    private func cached(
        _ kind: String, _ source: RepositorySource, _ make: () throws -> [UInt8]
    ) throws -> ArraySlice<UInt8> {
        let name = "\(source.cacheName)-\(kind)"
        if let stored = try cache.read(name, generation: source.generation) { return stored }
        let content = try make()
        do {
            try cache.write(content, name: name, generation: source.generation)
        } catch {
            progress.detail("the metadata of \"\(source.id)\" is not cached: \(error)")
        }
        return content[...]
    }

    private func parsePrimary(_ source: RepositorySource, withDetails: Bool) throws -> [UInt8] {
        try source.verify()
        let scratch = SolvPool(architecture: nil)
        let repository = scratch.addRepository(source.id)
        try parse(source.primary, of: source, into: repository, scratch, language: nil, flags: 0)
        return try written(source, scratch) { stream in
            guard let writer = repowriter_create(repository) else { return false }
            defer { repowriter_free(writer) }
            if !withDetails { repowriter_set_keyfilter(writer, Self.withoutDetails, nil) }
            return repowriter_write(writer, stream) == 0
        }
    }

    /// What no plan shows and no solver asks for is half of the metadata, and loading it half of the time.
    private static let withoutDetails:
        @convention(c) (UnsafeMutablePointer<Repo>?, UnsafeMutablePointer<Repokey>?, UnsafeMutableRawPointer?) -> Int32 = {
            repository, key, context in
            guard let key else { return 0 }
            let details = [
                SOLVABLE_DESCRIPTION, SOLVABLE_LICENSE, SOLVABLE_GROUP, SOLVABLE_URL, SOLVABLE_PACKAGER, SOLVABLE_BUILDHOST,
                SOLVABLE_BUILDTIME, SOLVABLE_SOURCENAME, SOLVABLE_SOURCEARCH, SOLVABLE_SOURCEEVR,
            ]
            if details.contains(where: { $0.id == key.pointee.name }) { return Int32(KEY_STORAGE_DROPPED) }
            return repo_write_stdkeyfilter(repository, key, context)
        }

    /// Empty where the repository has no file lists.
    private func parseFilelists(_ source: RepositorySource, primary: ArraySlice<UInt8>) throws -> [UInt8] {
        guard let path = try source.filelists() else { return [] }
        let scratch = SolvPool(architecture: nil)
        let repository = scratch.addRepository(source.id)
        try repository.add(primary, of: source)
        try parse(path, of: source, into: repository, scratch, language: "FL", flags: REPO_EXTEND_SOLVABLES)
        let data = repository.pointee.nrepodata - 1
        return try written(source, scratch) { stream in
            guard let writer = repowriter_create(repository) else { return false }
            defer { repowriter_free(writer) }
            repowriter_set_repodatarange(writer, data, data + 1)
            repowriter_set_flags(writer, REPOWRITER_NO_STORAGE_SOLVABLE)
            return repowriter_write(writer, stream) == 0
        }
    }

    private func parse(
        _ path: FilePath, of source: RepositorySource, into repository: UnsafeMutablePointer<Repo>, _ scratch: SolvPool,
        language: String?, flags: Int32
    ) throws(ProvisionError) {
        let stream = try MeteredStream(path, limit: limit)
        let result = repo_add_rpmmd(repository, stream.file, language, flags)
        do throws(ProvisionError) {
            try stream.checkComplete()
        } catch {
            if error.code == .interrupted { throw error }
            let kind = language == nil ? "primary metadata" : "file lists"
            throw ProvisionError(
                error.code, "cannot read the \(kind) of repository \"\(source.id)\": \(error.message)",
                causes: ["in \"\(path)\""])
        }
        guard result == 0 else {
            throw ProvisionError(
                .verification, "cannot read the metadata of repository \"\(source.id)\": \(scratch.errorText)",
                causes: ["in \"\(path)\""])
        }
    }

    private func written(
        _ source: RepositorySource, _ scratch: SolvPool, _ write: (UnsafeMutablePointer<FILE>) -> Bool
    ) throws(ProvisionError) -> [UInt8] {
        guard let content = collected(write) else {
            throw ProvisionError(.failed, "cannot convert the metadata of \"\(source.id)\": \(scratch.errorText)")
        }
        return content
    }
}

extension UnsafeMutablePointer<Repo> {
    /// Adds a repository's metadata in libsolv's format.
    func add(_ content: ArraySlice<UInt8>, of source: RepositorySource, flags: Int32 = 0) throws(ProvisionError) {
        guard add(content, flags: flags) else {
            throw ProvisionError(.failed, "cannot load the metadata of \"\(source.id)\"")
        }
    }

    /// Adds what `repo_write` or a repowriter wrote; false where that fails.
    func add(_ content: ArraySlice<UInt8>, flags: Int32 = 0) -> Bool {
        content.withUnsafeBytes { bytes in
            guard let stream = fmemopen(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count, "r") else {
                return false
            }
            defer { fclose(stream) }
            // It is read by the byte, millions of times: no lock for each, and few calls for more.
            csolv_read_by_the_byte(stream)
            return repo_add_solv(self, stream, flags) == 0
        }
    }
}
