internal import CRpm
internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
internal import SystemPackage

/// One message on a packages' socket; the file comes with it.
enum PackageMessage: Codable, Sendable, Equatable {
    /// An `InstallPlan` as JSON.
    case plan
    /// A package's file, of use up to the end of the header, or as a whole already. Its place in the plan.
    case head(Int, isWhole: Bool)
    /// A whole package.
    case package(Int)

    func encoded() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }

    init(_ bytes: [UInt8]) throws { self = try JSONDecoder().decode(PackageMessage.self, from: Data(bytes)) }
}

extension InstallPlan {
    /// As it comes in a file in memory.
    init(reading file: FileDescriptor) throws {
        self = try JSONDecoder().decode(InstallPlan.self, from: Data(try JobChannel.contents(of: file)))
    }
}

/// Where the install process gets its packages from: each after it was verified, on the descriptor that was verified.
///
/// Asking for one that isn't there yet waits for it. Where none will come any more the process ends: the parent knows why.
final class PackageFeed {
    /// The process's exit status then.
    static let noMorePackages: Int32 = 70
    /// The verifying process's, where nobody takes packages from it any more.
    static let noListener: Int32 = 71

    let plan: InstallPlan
    private let socket: MessageSocket
    /// By a package's place in the plan.
    private var heads: [OpaquePointer?]
    private var files: [FileDescriptor?]

    /// Waits for the plan.
    init(_ socket: MessageSocket) throws {
        self.socket = socket
        guard var message = try socket.receive() else { _exit(PackageFeed.noMorePackages) }
        guard try PackageMessage(message.bytes) == .plan, let file = message.takeFile() else {
            throw ProvisionError(.failed, "the install process was told of packages before their plan")
        }
        defer { close(file.rawValue) }
        plan = try InstallPlan(reading: file)
        heads = Array(repeating: nil, count: plan.packages.count)
        files = Array(repeating: nil, count: plan.packages.count)
    }

    /// All packages' headers, waited for; the caller frees them.
    func headers() throws -> [OpaquePointer] {
        while heads.contains(nil) { try receive() }
        return heads.compactMap { $0 }
    }

    /// A package's file, waited for; it stays ours. `waiting` is called once where that takes a while.
    func file(_ index: Int, waiting: () -> Void = {}) throws -> FileDescriptor {
        var isTold = false
        while true {
            if let file = files[index] { return file }
            if !isTold {
                var arrival = pollfd(fd: socket.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
                isTold = poll(&arrival, 1, 500) == 0
                if isTold { waiting() }
            }
            try receive()
        }
    }

    private func receive() throws {
        guard var message = try socket.receive() else { _exit(PackageFeed.noMorePackages) }
        guard let file = message.takeFile() else {
            throw ProvisionError(.failed, "a package came without its file")
        }
        switch try PackageMessage(message.bytes) {
        case .plan: close(file.rawValue)
        case .head(let index, _):
            defer { close(file.rawValue) }
            // A file whose rest turns out to be another's is begun anew: then the head comes with the package.
            if heads[index] == nil { heads[index] = try PackageFeed.header(of: file) }
        case .package(let index):
            if heads[index] == nil {
                guard let header = try PackageFeed.header(of: file) else {
                    throw ProvisionError(.failed, "cannot read a package's header again", causes: RpmLibrary.takeErrors())
                }
                heads[index] = header
            }
            if let old = files[index] { close(old.rawValue) }
            files[index] = file
        }
    }

    /// Read once more than verified: handles don't travel. nil, with librpm's errors, where there is none.
    private static func header(of file: FileDescriptor) throws -> OpaquePointer? {
        guard let set = rpmtsCreate() else { throw ProvisionError(.failed, "librpm can't make a transaction set") }
        defer { rpmtsFree(set) }
        rpmtsSetVSFlags(set, provision_rpm_no_signatures())
        var header: OpaquePointer?
        let result = try RpmFile.withFile(file) { rpmReadPackageFile(set, $0, "package", &header) }
        return result == RPMRC_OK ? header : nil
    }
}
