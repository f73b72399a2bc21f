internal import CRpm
internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// An rpm database of the Berkeley kind (EL7, EL8) as files: librpm reads it, and only the root's own rpm writes it.
struct BerkeleyDatabase {
    /// The directory, as this process sees it.
    let directory: FilePath

    /// The file that every such database has.
    var file: FilePath { directory.appending("Packages") }

    /// Whether one is there, and no newer kind beside it that would be in its place.
    var exists: Bool { Files.exists(file) && !Files.exists(directory.appending("rpmdb.sqlite")) }

    /// Its files: those with the magic number of a Berkeley hash or B-tree (libdb's db_page.h), and what libdb shares between
    /// processes that have it open. Others in the directory are none of its.
    func files() throws(ProvisionError) -> (databases: [String], shared: [String]) {
        var result: (databases: [String], shared: [String]) = ([], [])
        for name in try Files.names(in: directory) {
            if name.hasPrefix("__db.") || name == ".dbenv.lock" {
                result.shared.append(name)
            } else if try isDatabase(directory.appending(name)) {
                result.databases.append(name)
            }
        }
        return result
    }

    private func isDatabase(_ path: FilePath) throws(ProvisionError) -> Bool {
        var status = stat()
        try check(lstat(path.string, &status), "look at", path)
        guard status.st_mode & S_IFMT == S_IFREG else { return false }
        let opened = try check(open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), "open", path)
        defer { close(opened) }
        var magic: UInt32 = 0
        guard try check(pread(opened, &magic, 4, 12), "read", path) == 4 else { return false }
        return [0x61561, 0x53162].contains(UInt32(littleEndian: magic))
            || [0x61561, 0x53162].contains(UInt32(bigEndian: magic))
    }

    /// Removes it, and nothing else that the directory holds.
    func remove() throws(ProvisionError) {
        let files = try files()
        for name in files.databases + files.shared { try Files.remove(directory.appending(name)) }
    }

    /// Writes its packages into an sqlite database in the same directory and removes it: librpm can install there then.
    ///
    /// Packages keep their order, so that the same packages make the same database.
    /// - Throws: `.failed` with what librpm says where it can't be read.
    func replaceBySQLite() throws(ProvisionError) {
        let headers = try RpmHeaders(reading: directory, backend: "bdb_ro")
        try remove()
        try headers.write(to: directory, backend: "sqlite")
    }

    /// Makes two databases of the same packages equal, and gives the files the mode and the owner that rpm's have.
    func normalise() throws(ProvisionError) {
        for name in try files().databases {
            let path = directory.appending(name)
            try BerkeleyPages.normalise(path, mark: Array(sha256(of: name).hex.utf8.prefix(20)))
            try check(chmod(path.string, 0o644), "set the mode of", path)
            try check(chown(path.string, 0, 0), "set the owner of", path)
        }
    }
}

/// All headers of a database, in the order in which they were written.
struct RpmHeaders: ~Copyable {
    private var headers: [OpaquePointer] = []

    /// - Parameter backend: as librpm calls it: `sqlite`, `bdb_ro`.
    init(reading directory: FilePath, backend: String) throws(ProvisionError) {
        let set = try RpmHeaders.open(directory, backend, O_RDONLY)
        defer { rpmtsFree(set) }
        let iterator = rpmtsInitIterator(set, rpmDbiTagVal(RPMDBI_PACKAGES.rawValue), nil, 0)
        defer { rpmdbFreeIterator(iterator) }
        var found: [(number: UInt32, header: OpaquePointer)] = []
        while let header = rpmdbNextIterator(iterator) { found.append((headerGetInstance(header), headerLink(header))) }
        headers = found.sorted { $0.number < $1.number }.map(\.header)
        let errors = RpmLibrary.takeErrors()
        guard errors.isEmpty else {
            throw ProvisionError(.failed, "cannot read the rpm database in \"\(directory)\"", causes: errors)
        }
    }

    deinit { headers.forEach { headerFree($0) } }

    /// Name, version and digest of each, sorted: the same for two databases of the same packages.
    var summary: [String] {
        headers.map { "\(RpmHeader($0).nevra?.description ?? "?") \(RpmHeader($0).digest?.description ?? "")" }.sorted()
    }

    /// The package of this name; nil where there is none.
    func package(named name: String) -> NEVRA? {
        headers.lazy.compactMap { RpmHeader($0).nevra }.first { $0.name == name }
    }

    /// Into a database, which is made where there is none.
    func write(to directory: FilePath, backend: String) throws(ProvisionError) {
        let set = try RpmHeaders.open(directory, backend, O_RDWR | O_CREAT)
        defer { rpmtsFree(set) }
        let transaction = rpmtxnBegin(set, rpmtxnFlags(RPMTXN_WRITE.rawValue))
        defer { rpmtxnEnd(transaction) }
        for header in headers where rpmtsImportHeader(transaction, header, 0) != RPMRC_OK {
            throw ProvisionError(
                .failed, "cannot write the rpm database in \"\(directory)\"", causes: RpmLibrary.takeErrors())
        }
    }

    /// As `rpmdb --exportdb` prints them and `rpmdb --importdb` reads them (rpm 4.12 or newer): one header after the other.
    func export(to path: FilePath) throws(ProvisionError) {
        guard let file = Fopen(path.string, "w.ufdio") else { throw systemError("make", path) }
        var result: Int32 = 0
        for header in headers where result == 0 { result = headerWrite(file, header, Int32(HEADER_MAGIC_YES.rawValue)) }
        let number = errno
        let closed = Fclose(file)
        guard result == 0, closed == 0 else { throw systemError("write", path, errno: number) }
    }

    /// As `db_dump` prints a Packages file and `db_load` reads it (libdb's documentation of db_dump): numbers of headers to
    /// headers, and the highest number under 0. Numbers are in the machine's byte order.
    func dump(to path: FilePath) throws(ProvisionError) {
        let file = try check(
            Glibc.open(path.string, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600), "make", path)
        defer { close(file) }
        func line(_ bytes: some Sequence<UInt8>) -> [UInt8] {
            [UInt8(ascii: " ")] + hexadecimalBytes(bytes) + [UInt8(ascii: "\n")]
        }
        func number(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(value)) { Array($0) } }
        var text = Array("VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n".utf8)
        text += line(number(0)) + line(number(headers.count))
        for (index, header) in headers.enumerated() {
            var length: UInt32 = 0
            guard let blob = headerExport(header, &length) else {
                throw ProvisionError(.failed, "cannot export a header of the rpm database", causes: RpmLibrary.takeErrors())
            }
            defer { free(blob) }
            text += line(number(index + 1)) + line(UnsafeRawBufferPointer(start: blob, count: Int(length)))
            try Files.write(text[...], to: file, path: path)
            text = []
        }
        try Files.write((text + Array("DATA=END\n".utf8))[...], to: file, path: path)
    }

    private static func open(_ directory: FilePath, _ backend: String, _ mode: Int32) throws(ProvisionError) -> OpaquePointer {
        // librpm takes both from its macros when it opens a database, and the path from its root directory on.
        for macro in ["_dbpath \(directory)", "_db_backend \(backend)"] {
            rpmDefineMacro(nil, macro, Int32(RMIL_GLOBAL))
        }
        defer { for name in ["_dbpath", "_db_backend"] { rpmPopMacro(nil, name) } }
        guard let set = rpmtsCreate(), rpmtsSetRootDir(set, "/") == 0, rpmtsOpenDB(set, mode) == 0 else {
            throw ProvisionError(.failed, "cannot open the rpm database in \"\(directory)\"", causes: RpmLibrary.takeErrors())
        }
        // Every header was verified before it was written; old ones have no digest that today's policy takes.
        rpmtsSetVSFlags(set, provision_rpm_no_checks())
        return set
    }
}

/// As two lower-case digits each, in ASCII.
private func hexadecimalBytes(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    var result: [UInt8] = []
    result.reserveCapacity(2 * bytes.underestimatedCount)
    for byte in bytes {
        result.append(digits[Int(byte >> 4)])
        result.append(digits[Int(byte & 15)])
    }
    return result
}
