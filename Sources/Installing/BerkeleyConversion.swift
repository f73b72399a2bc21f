internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// Puts a Berkeley database in the place of the sqlite one that librpm has written, by the root's own rpm.
///
/// Its programs come out of packages like scriptlets do, and run as scriptlets run: in the cage, with their privileges, their
/// limits and their environment. They only ever see a directory of their own; what they make there is compared with what was
/// installed before it takes the database's place.
struct BerkeleyConversion {
    let cage: Cage
    let output: OutputCapture
    let watch: ScriptletWatch
    /// The database's directory. The process is in the root.
    let directory: FilePath

    enum Result {
        /// The rpm that wrote it, and what its programs tried that the cage refuses.
        case written(by: NEVRA?, refused: [String])
        /// The root holds no program that could write it.
        case noProgram
        /// They couldn't: why. The sqlite database is as it was.
        case failed(ProvisionError)
    }

    /// `rpmdb --importdb` came with rpm 4.12. Before (EL7), `rpmdb --rebuilddb` makes a database of another's Packages file, and
    /// libdb's db_load, which EL's rpm requires, makes that one.
    private static let rpmdb = "/usr/bin/rpmdb"
    private static let loaders = ["/usr/lib/rpm/rpmdb_load", "/usr/bin/db_load"]

    /// - Throws: `.failed` where it took too long, filled the disk, or the root can't be written to.
    func run() throws -> Result {
        guard access(BerkeleyConversion.rpmdb, X_OK) == 0 else { return .noProgram }
        let work = directory.appending(".provision")
        try Files.makeDirectory(work, mode: 0o700)
        let made = BerkeleyDatabase(directory: work.appending("db"))
        let headers = try RpmHeaders(reading: directory, backend: "sqlite")
        let rpm = headers.package(named: "rpm")
        try Files.makeDirectory(made.directory)
        try cage.attach()
        try watch.begin("the root's own rpm (\(rpm?.description ?? "of no package")), which writes its database,")
        var failure: ProvisionError?
        do {
            guard try write(headers, with: made, in: work) else {
                _ = try watch.end()
                try cage.detach()
                try Files.remove(work)
                return .noProgram
            }
            // A newer rpm writes its own kind. librpm would read that too, whatever it is asked for.
            guard made.exists else { throw ProvisionError(.failed, "it wrote no Berkeley database") }
            let written = try RpmHeaders(reading: made.directory, backend: "bdb_ro").summary
            if written != headers.summary {
                failure = ProvisionError(
                    .failed, "it wrote \(written.count) packages, not the \(headers.summary.count) that are installed")
            }
        } catch {
            failure = error as? ProvisionError ?? ProvisionError(.failed, "\(error)")
        }
        let refused = try watch.end()
        try cage.detach()
        if let failure {
            try Files.remove(work)
            return .failed(failure)
        }
        try takePlace(made)
        try Files.remove(work)
        return .written(by: rpm, refused: refused)
    }

    /// false where the root's programs are too old for the one way and lack what the other needs.
    private func write(_ headers: borrowing RpmHeaders, with made: BerkeleyDatabase, in work: FilePath) throws -> Bool {
        let list = work.appending("headers")
        let path = made.directory.string
        if try start([BerkeleyConversion.rpmdb, "--help"]).said.contains("--importdb") {
            try headers.export(to: list)
            try succeed([BerkeleyConversion.rpmdb, "--dbpath", path, "--importdb"], input: list)
            return true
        }
        guard let loader = BerkeleyConversion.loaders.first(where: { access($0, X_OK) == 0 }) else { return false }
        try headers.dump(to: list)
        try succeed([loader, made.file.string], input: list)
        try succeed([BerkeleyConversion.rpmdb, "--dbpath", path, "--rebuilddb"])
        return true
    }

    /// From here on the root has the one database and no longer the other.
    private func takePlace(_ made: BerkeleyDatabase) throws {
        try made.normalise()
        let old = BerkeleyDatabase(directory: directory)
        try old.remove()
        for name in try made.files().databases {
            let target = directory.appending(name)
            try check(rename(made.directory.appending(name).string, target.string), "put in its place", target)
        }
        try Files.remove(directory.appending("rpmdb.sqlite"))
    }

    private func succeed(_ arguments: [String], input: FilePath? = nil) throws {
        let (status, said) = try start(arguments, input: input)
        guard status.succeeded else {
            throw ProvisionError(
                .failed, "\"\(arguments.joined(separator: " "))\" ended with \(status.words)",
                causes: said.split(whereSeparator: \.isNewline).suffix(5).map(String.init))
        }
    }

    private func start(
        _ arguments: [String], input: FilePath? = nil
    ) throws -> (status: ChildProcess.Status, said: String) {
        let source = input ?? "/dev/null"
        let opened = try check(open(source.string, O_RDONLY | O_CLOEXEC), "open", source)
        defer { close(opened) }
        _ = output.take()
        var options = ChildProcess.Options()
        options.descriptors = [0: FileDescriptor(rawValue: opened)]
        var child = try ChildProcess(arguments, options: options)
        let status = child.wait() ?? .exited(255)
        return (status, output.take())
    }
}
