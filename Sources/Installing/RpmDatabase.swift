internal import CRpm
internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// A root's rpm database as files: what must happen to them before and after a transaction.
struct RpmDatabase {
    /// The directory, as this process sees it.
    let directory: FilePath
    let backend: String

    /// Where the database lies when `root` is the directory of the staged root.
    init(_ database: LayerManifest.Database, root: String) {
        directory = FilePath(root == "/" ? database.path : root + database.path)
        backend = database.writableBackend
    }

    /// The file that an existing database has.
    var file: FilePath { directory.appending(backend == "ndb" ? "Packages.db" : "rpmdb.sqlite") }

    /// In an overlay: brings the database's files up. One of the Berkeley kind becomes an sqlite one, which librpm can write;
    /// `BerkeleyConversion` reverses that.
    func bringUp() throws(ProvisionError) {
        let berkeley = BerkeleyDatabase(directory: directory)
        if berkeley.exists { return try berkeley.replaceBySQLite() }
        try bringUpFiles(of: directory)
    }

    /// Makes a sqlite database one file that needs no other, so that it can be read from a read-only layer.
    ///
    /// rpm leaves a write-ahead log and its shared-memory file beside it; without them, and without a place to make them, it
    /// can't open such a database at all (rpm#2355).
    func park() throws(ProvisionError) {
        // A root whose own rpm keeps another kind has nothing to park.
        guard backend == "sqlite", Files.exists(file) else { return }
        let database = try SQLiteDatabase("rpm database", at: file)
        try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try database.execute("PRAGMA journal_mode=DELETE")
        for suffix in ["-wal", "-shm"] where Files.exists(FilePath(file.string + suffix)) {
            throw ProvisionError(.failed, "the rpm database left \"\(file)\(suffix)\" behind")
        }
    }

    /// The packages in the database of the root at `root`, public keys among them, in the order in which they were installed.
    static func list(root: String) throws(ProvisionError) -> [NEVRA] {
        var packages: [NEVRA] = []
        try forEach(root: root) { header throws(ProvisionError) in
            if let nevra = header.nevra { packages.append(nevra) }
        }
        return packages
    }

    /// As `list`, without public keys.
    static func describe(root: String) throws(ProvisionError) -> [InstalledPackage] {
        var packages: [InstalledPackage] = []
        try forEach(root: root) { header throws(ProvisionError) in
            guard let nevra = header.nevra, nevra.name != "gpg-pubkey" else { return }
            guard let digest = header.digest else {
                throw ProvisionError(.failed, "the rpm database holds no digest of the header of \(nevra)")
            }
            packages.append(
                InstalledPackage(
                    nevra: nevra, headerDigest: digest, installedSize: header.installedSize, summary: header.summary))
        }
        return packages
    }

    private static func forEach(
        root: String, _ body: (RpmHeader) throws(ProvisionError) -> Void
    ) throws(ProvisionError) {
        guard let set = rpmtsCreate() else { throw ProvisionError(.failed, "librpm can't make a transaction set") }
        defer { rpmtsFree(set) }
        guard rpmtsSetRootDir(set, root) == 0, rpmtsOpenDB(set, O_RDONLY) == 0 else {
            throw ProvisionError(.failed, "cannot open the rpm database", causes: RpmLibrary.takeErrors())
        }
        let iterator = rpmtsInitIterator(set, rpmDbiTagVal(RPMDBI_PACKAGES.rawValue), nil, 0)
        defer { rpmdbFreeIterator(iterator) }
        while let header = rpmdbNextIterator(iterator) { try body(RpmHeader(header)) }
    }
}

/// In an overlay: copies each file of a lower layer's directory into the upper one and puts the copy in its place.
///
/// Without it sqlite may hold one file open for reading in the lower layer and another for writing in the upper one
/// (moby/moby#10180), and renames of what is still below fail with EXDEV.
func bringUpFiles(of directory: FilePath) throws(ProvisionError) {
    for name in try Files.names(in: directory) {
        let original = directory.appending(name)
        var status = stat()
        try check(lstat(original.string, &status), "look at", original)
        guard status.st_mode & S_IFMT == S_IFREG else { continue }
        let copy = directory.appending(".\(name).provision")
        try Files.copyContents(original, to: copy)
        try check(chown(copy.string, status.st_uid, status.st_gid), "set the owner of", copy)
        try check(chmod(copy.string, status.st_mode & 0o7777), "set the mode of", copy)
        try check(rename(copy.string, original.string), "replace", original)
    }
}
