internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// The process that verifies packages beside the one that installs them, and passes on what is good.
///
/// It reads what strangers made before anything vouches for it, so it gives up root first: of the host it has what any
/// nobody has, and the files that it is handed, open for reading.
enum VerifyChild {
    /// The user and group of the same name on most systems; it needs no entry.
    private static let nobody: UInt32 = 65534

    static func run(arch: String) throws {
        let input = MessageSocket(FileDescriptor(rawValue: JobChannel.packages))
        let output = MessageSocket(FileDescriptor(rawValue: JobChannel.verified))
        try RpmLibrary.configure(arch: arch, database: .init(path: "/var/lib/rpm", backend: "sqlite"))
        try dropPrivileges(to: nobody)
        var packages: [InstallJob.PackageFile] = []
        var verifier = PackageVerifier(keys: try KeyStore([]))
        var heads: [Int: PackageVerifier.Head] = [:]
        var completed: UInt64 = 0
        while var message = try input.receive() {
            guard let file = message.takeFile() else { throw ProvisionError(.failed, "a package came without its file") }
            defer { close(file.rawValue) }
            switch try PackageMessage(message.bytes) {
            case .plan:
                // The parent vouches for it: the installing process reads it meanwhile.
                passOn(message.bytes, file, through: output)
                let plan = try InstallPlan(reading: file)
                packages = plan.packages
                verifier = PackageVerifier(keys: try KeyStore(plan.keys))
                continue
            case .head(let index, let isWhole):
                do {
                    heads[index] = try verifier.verifyHead(packages[index], file, isWhole: isWhole)
                } catch {
                    guard !isWhole, error.code == .verification else { throw error }
                    JobChannel.send(.headRefused(index))
                    continue
                }
            case .package(let index):
                try verifier.verify(packages[index], file, head: heads[index])
                completed += 1
                JobChannel.send(.verified(package: packages[index].nevra.description, completed: completed))
            }
            passOn(message.bytes, file, through: output)
        }
    }

    private static func passOn(_ message: [UInt8], _ file: FileDescriptor, through output: MessageSocket) {
        do {
            try output.send(message, file: file)
        } catch {
            // The installing process has ended, and tells the parent why.
            _exit(PackageFeed.noListener)
        }
    }
}
