internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
internal import SystemPackage

/// What has to be undone at the end of a container's network, beside what the kernel undoes: known before anything is done, so
/// that it can be left with a process that outlives ours (`NetworkKeeper`). Doing it twice, or half way, is fine.
struct NetworkRemoval: Codable, Equatable {
    var state: String
    var machine: String
    var process: HostForwarding.User
    /// The host's end of the veth pair.
    var hostInterface: String?
    /// A network that the machine is a member of.
    var network: String?
    var interfaces: [MovedInterface] = []
    var usesForwarding = false

    /// Whether something would stay if only the kernel cleaned up.
    var needsKeeper: Bool { network != nil || !interfaces.isEmpty || usesForwarding }

    /// Undoes all of it; what fails is told and the rest done all the same.
    func run(in namespace: FileDescriptor, problems: (any Error) -> Void) {
        Interruption.withoutInterruption {
            for interface in interfaces {
                do { try interface.moveBack(from: namespace) } catch { problems(error) }
            }
            if let hostInterface { NetworkPlan.deleteInterface(hostInterface) }
            do {
                if let network {
                    try NetworkStore(state: FilePath(state)).leave(network, machine: machine, process: process)
                }
            } catch { problems(error) }
            do { if usesForwarding { try HostForwarding.release(process) } } catch { problems(error) }
        }
    }
}

/// A process of ours that waits for another's end: when provision dies without having undone its network, this one does it.
///
/// It holds the container's network namespace, so that an interface that was moved in isn't lost with it, and reads from a pipe
/// whose other end closes with provision.
final class NetworkKeeper {
    /// First argument of the stage.
    static let argument = "--network-keeper"
    /// The keeper's descriptor of the container's namespace.
    private static let namespace: Int32 = 3

    private var child: ChildProcess
    private let pipe: OwnedPipe

    /// The document must fit a pipe whole, so that it is there even if we are killed right after: it is some hundred bytes.
    init(_ removal: NetworkRemoval, namespace: FileDescriptor) throws {
        let pipe = try OwnedPipe()
        let null = FileDescriptor(rawValue: try check(open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null"))
        defer { close(null.rawValue) }
        var options = ChildProcess.Options()
        options.descriptors = [0: pipe.reading, 1: null, 2: null, NetworkKeeper.namespace: namespace]
        options.environment = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        options.directory = "/"
        options.newSession = true
        options.diesWithUs = false
        self.pipe = pipe
        child = try ChildProcess([Files.canonical("/proc/self/exe").string, NetworkKeeper.argument], options: options)
        pipe.closeReading()
        let document = try JSONEncoder().encode(removal) + [10]
        try check(
            document.withUnsafeBytes { write(pipe.writing.rawValue, $0.baseAddress, $0.count) }, "write to",
            "the network keeper")
    }

    /// Everything is undone: it has nothing to wait for any more.
    func dismiss() {
        _ = write(pipe.writing.rawValue, "x", 1)
        pipe.closeWriting()
        _ = child.wait(milliseconds: 2000)
    }

    /// The stage's main function.
    static func main() -> Int32 {
        // It goes when the pipe says so, not when a terminal or the host's shutdown does: provision ends then, and it after that.
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT] { signal(number, SIG_IGN) }
        _ = fcntl(namespace, F_SETFD, FD_CLOEXEC)
        var bytes: [UInt8] = []
        while true {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(0, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        let parts = bytes.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].isEmpty,
            let removal = try? JSONDecoder().decode(NetworkRemoval.self, from: Data(parts[0]))
        else { return 0 }
        var status: Int32 = 0
        removal.run(in: FileDescriptor(rawValue: namespace)) { _ in status = 1 }
        return status
    }
}

/// The stage that `NetworkKeeper` starts the program by; nil for other arguments.
public func runNetworkKeeper(_ arguments: [String]) -> Int32? {
    arguments.first == NetworkKeeper.argument ? NetworkKeeper.main() : nil
}
