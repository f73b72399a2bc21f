internal import CSolv
internal import Diagnostics
internal import Synchronization
internal import System
internal import SystemPackage

/// Reads the packages of an existing root into a pool.
///
/// The database is copied first: reading an sqlite database can write beside it, and a layer never changes. The copy lies
/// where libsolv looks by itself, so that librpm's macros (`_dbpath`, on Debian in the user's home) don't matter.
enum InstalledPackages {
    private static let name = "@System"
    /// librpm's macros are the process's, and libsolv sets some while it opens a database: one at a time.
    private static let librpm = Mutex<Void>(())
    /// libsolv's default path.
    private static let defaultPath = "var/lib/rpm"

    /// Those of a layer come from the cache the second time: its database never changes.
    ///
    /// They come by way of the cache's form the first time too, so that the numbers of strings, which break some of the solver's
    /// ties, are the same.
    /// - Throws: `.notFound` where the root holds no database, `.failed` where it can't be read.
    static func load(
        _ installed: InstalledRoot, into pool: SolvPool, cache: SolvCache, progress: any ProgressSink
    ) throws {
        let repository = pool.addRepository(name)
        if let generation = installed.generation {
            let content = try stored(installed, generation, cache, progress)
            guard repository.add(content) else {
                throw ProvisionError(
                    .failed, "cannot load the packages of \"\(installed.root.string)\": \(pool.errorText)")
            }
        } else {
            try read(installed, into: repository, pool)
        }
        try Interruption.check()
        pool_set_installed(pool.raw, repository)
    }

    private static func stored(
        _ installed: InstalledRoot, _ generation: String, _ cache: SolvCache, _ progress: any ProgressSink
    ) throws -> ArraySlice<UInt8> {
        let name = "\(generation)-installed"
        if let content = try cache.read(name, generation: generation) { return content }
        let scratch = SolvPool(architecture: nil)
        let repository = scratch.addRepository(self.name)
        try read(installed, into: repository, scratch)
        guard let content = collected({ repo_write(repository, $0) == 0 }) else {
            throw ProvisionError(
                .failed, "cannot convert the packages of \"\(installed.root.string)\": \(scratch.errorText)")
        }
        do {
            try cache.write(content, name: name, generation: generation)
        } catch {
            progress.detail("the packages of \"\(installed.root.string)\" are not cached: \(error)")
        }
        return content[...]
    }

    private static func read(
        _ installed: InstalledRoot, into repository: UnsafeMutablePointer<Repo>, _ pool: SolvPool
    ) throws {
        let copy = try TemporaryDirectory(prefix: "provision-rpmdb")
        let target = copy.path.appending(defaultPath)
        try Files.makeDirectory(target, mode: 0o700)
        try copyDatabase(of: installed, to: target)
        pool_set_rootdir(pool.raw, copy.path.string)
        defer { pool_set_rootdir(pool.raw, nil) }
        guard librpm.withLock({ _ in repo_add_rpmdb(repository, nil, REPO_USE_ROOTDIR) }) == 0 else {
            throw ProvisionError(
                .failed, "cannot read the rpm database \"\(installed.root.string)\(installed.databasePath)\": \(pool.errorText)"
            )
        }
    }

    private static func copyDatabase(of installed: InstalledRoot, to target: FilePath) throws {
        let root = try RootedDirectory(installed.root)
        var found = false
        for name in try root.names(in: installed.databasePath) ?? [] {
            let path = "\(installed.databasePath)/\(name)"
            // Locks and shared memory belong to whoever has it open.
            guard !name.hasPrefix("."), !name.hasPrefix("__db."), !name.hasSuffix("-shm"),
                let status = try root.status(path), status.kind == .file,
                let bytes = try root.read(path, limit: 1 << 30)
            else { continue }
            try Files.write(bytes, to: target.appending(name), mode: 0o600)
            found = found || ["rpmdb.sqlite", "Packages", "Packages.db"].contains(name)
        }
        guard found else {
            throw ProvisionError(
                .notFound, "no rpm database in \"\(installed.root.string)\(installed.databasePath)\"")
        }
    }
}
