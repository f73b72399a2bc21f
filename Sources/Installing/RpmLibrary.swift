internal import CRpm
internal import Diagnostics
internal import Model
internal import Synchronization

/// librpm's process-wide state: its configuration, and what it logs.
///
/// The host's configuration stays out: neither /etc/rpm nor ~/.rpmmacros, ~/.rpmrc nor a distribution's own macros are read,
/// only what comes with the library itself; and what those defaults get wrong for another system's root is set here (Debian's
/// put the database under ~/.rpmdb).
enum RpmLibrary {
    /// Reads the library's files and sets what a transaction in a root with this database needs. Once in a process, before it
    /// loses sight of the host's files.
    static func configure(
        arch: String, database: LayerManifest.Database, noDocs: Bool = false, languages: [String]? = nil
    ) throws(ProvisionError) {
        let directory = rpmConfigDir().map { String(cString: $0) } ?? "/usr/lib/rpm"
        // librpm keeps the pointer.
        provision_rpm_macro_files(strdup("\(directory)/macros"))
        rpmlogSetCallback(received, nil)
        provision_rpm_verbosity(Int32(RPMLOG_INFO.rawValue))
        guard rpmReadConfigFiles("\(directory)/rpmrc", "\(arch)-linux") == 0 else {
            throw ProvisionError(
                .unsupported, "cannot read rpm's own configuration in \"\(directory)\"",
                hint: "install rpm-common (Debian) or rpm (EL)",
                causes: takeErrors())
        }
        // Every 64-bit architecture of EL may hold 32-bit packages; where both own a file, the 64-bit one is kept.
        let color = ["x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "riscv64"].contains(arch) ? 3 : 0
        let macros = [
            "_dbpath": database.path,
            "_db_backend": database.writableBackend,
            "_keyring": "rpmdb",
            "_install_langs": languages.map { $0.isEmpty ? "C" : $0.joined(separator: ":") } ?? "all",
            "_excludedocs": noDocs ? "1" : "0",
            "_netsharedpath": "%{nil}",
            "_transaction_color": String(color),
            "_prefer_color": "2",
            "_flush_io": "0",
        ]
        for (name, value) in macros.sorted(by: { $0.key < $1.key }) {
            rpmDefineMacro(nil, "\(name) \(value)", Int32(RMIL_GLOBAL))
        }
    }

    /// A line of the library's log; levels as in syslog.
    struct Line: Sendable {
        var level: Int32
        var text: String
    }

    private static let lines: Mutex<[Line]> = Mutex([])

    /// What was logged since the last call.
    static func takeLines() -> [Line] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    /// The errors among the lines since the last call, as causes of an error of ours.
    static func takeErrors() -> [String] {
        takeLines().filter { $0.level <= 3 }.map(\.text)
    }

    private static let received: rpmlogCallback = { record, _ in
        guard let message = rpmlogRecMessage(record) else { return 0 }
        var text = String(cString: message)
        while text.last?.isWhitespace == true { text.removeLast() }
        let line = Line(level: Int32(rpmlogRecPriority(record).rawValue), text: text)
        if !text.isEmpty { lines.withLock { $0.append(line) } }
        return 0
    }
}

extension LayerManifest.Database {
    /// The backend that this host's librpm is asked for: Berkeley DB can't be written any more.
    var writableBackend: String { backend == "bdb" ? "sqlite" : backend }
}
