import Diagnostics
import FoundationEssentials
import Glibc
import Installing
import Model
import Synchronization
import System
import SystemPackage

/// What the tests of installing share: where the built program is, jobs made of package files, and the tree that comes out.
struct InstallFixture {
    let factory: PackageFactory
    let root: FilePath
    static let database = LayerManifest.Database(path: "/var/lib/rpm", backend: "sqlite")

    init() throws {
        factory = try PackageFactory()
        root = try factory.makeDirectory("installed")
    }

    static let installer = Installer(executable: Program.path)

    func entry(
        _ path: FilePath, nevra: String? = nil, repository: String = "test", signedBy keys: [TrustedKey]? = nil
    ) throws -> InstallJob.PackageFile {
        let (checksum, size) = try digest(ofFileAt: path)
        return InstallJob.PackageFile(
            path: path.string, nevra: NEVRA(nevra ?? path.stem!)!, repository: repository, checksum: checksum, size: size,
            requireSignature: keys != nil, allowedKeys: keys?.map(\.fingerprint) ?? [])
    }

    func job(_ packages: [InstallJob.PackageFile], keys: [TrustedKey] = []) -> InstallJob {
        InstallJob(root: root.string, database: Self.database, arch: "x86_64", packages: packages, keys: keys)
    }

    @discardableResult
    func install(_ job: InstallJob, progress: any ProgressSink = SilentProgress()) throws -> InstallOutcome {
        try Self.installer.run(job, progress: progress)
    }

    @discardableResult
    func install(_ packages: FilePath...) throws -> InstallOutcome {
        try install(job(try packages.map { try entry($0) }))
    }

    /// The error of a job that must be refused.
    func refusal(of job: InstallJob) throws -> ProvisionError {
        do {
            try install(job)
        } catch let error as ProvisionError {
            return error
        }
        throw ProvisionError(.failed, "the job was not refused")
    }

    func exists(_ path: String) -> Bool { Files.exists(root.appending(path)) }
    func text(_ path: String) throws -> String { try Files.readText(root.appending(path)) }

    /// `rpm -qa` of this host over the root.
    func rpmQuery(_ root: FilePath, _ arguments: String...) throws -> String {
        try runChecked(["rpm", "--root", root.string, "--dbpath", "/var/lib/rpm"] + arguments).text
    }
}

/// Keeps events for a test to look at.
final class RecordingProgress: ProgressSink {
    private let recorded: Mutex<[ProgressEvent]> = Mutex([])
    var events: [ProgressEvent] { recorded.withLock { $0 } }
    func report(_ event: ProgressEvent) { recorded.withLock { $0.append(event) } }
}

/// A job for the process of an exit test, which sees nothing of its test's values.
enum PreparedJob {
    private static let variable = "PROVISION_TEST_JOB"

    static func leave(_ job: InstallJob, in directory: FilePath) throws {
        let file = directory.appending("job.json")
        try Files.write(Array(try JSONEncoder().encode(job)), to: file)
        setenv(variable, file.string, 1)
    }

    static func take() throws -> InstallJob {
        let file = FilePath(String(cString: getenv(variable)))
        return try JSONDecoder().decode(InstallJob.self, from: Data(try Files.read(file)))
    }
}
