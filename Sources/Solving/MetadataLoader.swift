internal import CSolv
internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Brings a repository's metadata into a pool: from the cache where it is there, else from the XML, which then is cached.
struct MetadataLoader {
    let pool: SolvPool
    let cache: SolvCache
    let progress: any ProgressSink

    /// - Throws: `.verification` for metadata that can't be parsed, `.interrupted`.
    func load(_ source: RepositorySource, withFilelists: Bool) throws -> UnsafeMutablePointer<Repo> {
        let repository = pool.addRepository(source.id)
        // As dnf hands them to libsolv, whose greater number wins.
        repository.pointee.priority = -Int32(clamping: source.priority)
        repository.pointee.subpriority = -Int32(clamping: source.cost)
        try loadPrimary(source, into: repository)
        if withFilelists { try loadFilelists(source, into: repository) }
        return repository
    }

    private func loadPrimary(_ source: RepositorySource, into repository: UnsafeMutablePointer<Repo>) throws(ProvisionError) {
        let name = "\(safe(source.generation))-primary"
        if let stored = try cache.read(name, generation: source.generation) {
            if addStored(stored, to: repository, flags: 0) { return }
            try cache.remove(name)
            repo_empty(repository, 1)
        }
        try parse(source.primary, of: source, into: repository, language: nil, flags: 0)
        store(name, of: source) { repo_write(repository, $0) == 0 }
    }

    private func loadFilelists(_ source: RepositorySource, into repository: UnsafeMutablePointer<Repo>) throws {
        let name = "\(safe(source.generation))-filelists"
        // Directory names stay out of the pool's own strings; as dnf does.
        let flags = REPO_EXTEND_SOLVABLES | REPO_LOCALPOOL
        if let stored = try cache.read(name, generation: source.generation) {
            if addStored(stored, to: repository, flags: flags) { return }
            try cache.remove(name)
            throw ProvisionError(.failed, "the cache of \"\(source.id)\" was damaged and is removed now", hint: "try again")
        }
        guard let path = try source.filelists() else { return }
        try parse(path, of: source, into: repository, language: "FL", flags: REPO_EXTEND_SOLVABLES)
        let data = repository.pointee.nrepodata - 1
        store(name, of: source) { stream in
            guard let writer = repowriter_create(repository) else { return false }
            defer { repowriter_free(writer) }
            repowriter_set_repodatarange(writer, data, data + 1)
            repowriter_set_flags(writer, REPOWRITER_NO_STORAGE_SOLVABLE)
            return repowriter_write(writer, stream) == 0
        }
    }

    private func parse(
        _ path: FilePath, of source: RepositorySource, into repository: UnsafeMutablePointer<Repo>, language: String?,
        flags: Int32
    ) throws(ProvisionError) {
        let stream = try MeteredStream(path)
        let result = repo_add_rpmmd(repository, stream.file, language, flags)
        try stream.checkComplete()
        guard result == 0 else {
            throw ProvisionError(
                .verification, "cannot read the metadata of repository \"\(source.id)\": \(pool.errorText)",
                causes: ["in \"\(path)\""])
        }
    }

    private func addStored(
        _ stored: ArraySlice<UInt8>, to repository: UnsafeMutablePointer<Repo>, flags: Int32
    ) -> Bool {
        stored.withUnsafeBytes { bytes in
            guard let stream = fmemopen(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count, "r") else { return false }
            defer { fclose(stream) }
            return repo_add_solv(repository, stream, flags) == 0
        }
    }

    /// A cache that can't be written costs time, nothing else: it is told, not thrown.
    private func store(
        _ name: String, of source: RepositorySource, _ write: (UnsafeMutablePointer<FILE>) -> Bool
    ) {
        do {
            guard let content = collected(write) else {
                throw ProvisionError(.failed, "libsolv can't write: \(pool.errorText)")
            }
            try cache.write(content, name: name, generation: source.generation)
        } catch {
            progress.detail("the metadata of \"\(source.id)\" is not cached: \(error)")
        }
    }

    private func safe(_ generation: String) -> String {
        String(generation.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }.prefix(80))
    }
}
