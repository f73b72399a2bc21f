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

    /// - Throws: `.notFound` where the root holds no database, `.failed` where it can't be read.
    static func load(_ installed: InstalledRoot, into pool: SolvPool) throws {
        let copy = try TemporaryDirectory(prefix: "provision-rpmdb")
        let target = copy.path.appending(defaultPath)
        try Files.makeDirectory(target, mode: 0o700)
        try copyDatabase(of: installed, to: target)

        let repository = pool.addRepository(name)
        pool_set_rootdir(pool.raw, copy.path.string)
        defer { pool_set_rootdir(pool.raw, nil) }
        guard librpm.withLock({ _ in repo_add_rpmdb(repository, nil, REPO_USE_ROOTDIR) }) == 0 else {
            throw ProvisionError(
                .failed, "cannot read the rpm database \"\(installed.root.string)\(installed.databasePath)\": \(pool.errorText)"
            )
        }
        try Interruption.check()
        pool_set_installed(pool.raw, repository)
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
