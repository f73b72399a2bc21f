internal import CRpm
public import Diagnostics
internal import Model
internal import System
internal import SystemPackage

/// What kinds of rpm database this host's librpm can make.
public enum RpmBackends {
    /// The version of the library, as it gives it.
    public static var librpmVersion: String { provision_rpm_version().map { String(cString: $0) } ?? "unknown" }

    /// Makes an empty database of each kind that roots of ours can have, in a temporary directory; the kinds that came out.
    ///
    /// Once in a process, and not in one that installs: librpm's configuration is its process's.
    ///
    /// - Throws: `.unsupported` where librpm's own files are missing.
    public static func writable() throws(ProvisionError) -> [String] {
        try RpmLibrary.configure(arch: hostArchitecture(), database: .init(path: "/var/lib/rpm", backend: "sqlite"))
        var usable: [String] = []
        for backend in ["sqlite", "ndb"] {
            rpmDefineMacro(nil, "_db_backend \(backend)", Int32(RMIL_GLOBAL))
            let root = try TemporaryDirectory()
            let database = RpmDatabase(.init(path: "/var/lib/rpm", backend: backend), root: root.path.string)
            try Files.makeDirectory(database.directory)
            let transaction = try Transaction(root: root.path.string, noDocs: false)
            do throws(ProvisionError) {
                try transaction.openDatabase(database)
                usable.append(backend)
            } catch  where error.code == .unsupported {
                // The answer that is looked for.
            }
        }
        return usable
    }
}
