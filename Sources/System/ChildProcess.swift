internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// A program that provision starts and always waits for.
///
/// It dies with the thread that started it (SIGKILL by the kernel), so a killed provision leaves no process behind; start
/// children from a thread that outlives them. Namespaces are entered by the child itself, as their first process.
public struct ChildProcess: ~Copyable {
    public let pid: Int32
    private let pidfd: Int32
    private let name: String
    private var reaped: Status?
    private var isReleased = false

    /// How a process ended.
    public enum Status: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)

        public var succeeded: Bool { self == .exited(0) }
        /// As a shell gives it: the exit status, or 128 + signal.
        public var shellStatus: Int32 {
            switch self {
            case .exited(let status): status
            case .signalled(let number): 128 + number
            }
        }
    }

    /// Kernel namespaces to start the child in.
    public struct Namespaces: OptionSet, Sendable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }
        public static let mount = Namespaces(rawValue: PROVISION_CLONE_NEWNS)
        public static let pid = Namespaces(rawValue: PROVISION_CLONE_NEWPID)
        public static let ipc = Namespaces(rawValue: PROVISION_CLONE_NEWIPC)
        public static let uts = Namespaces(rawValue: PROVISION_CLONE_NEWUTS)
        public static let network = Namespaces(rawValue: PROVISION_CLONE_NEWNET)
    }

    /// What a child starts with beside its arguments. Descriptors not named here are not inherited.
    public struct Options: Sendable {
        /// `target: source`: the child's descriptor numbers and what they are of ours. 0 to 2 are inherited unless named.
        public var descriptors: [Int32: FileDescriptor] = [:]
        /// The whole environment; nil inherits ours.
        public var environment: [String: String]?
        public var directory: FilePath?
        public var namespaces: Namespaces = []
        /// Starts a session of its own; with a terminal, that one is its controlling terminal.
        public var newSession = false
        public var terminal: FileDescriptor?
        /// Starts a process group of its own, so that a Ctrl-C typed at our terminal doesn't reach it.
        public var newGroup = false
        /// Open cgroup.procs files of the cgroups that it starts in, one a hierarchy.
        public var cgroups: [FileDescriptor] = []
        /// The network namespace that it starts in; nil for ours (or a new one, by `namespaces`).
        public var networkNamespace: FileDescriptor?
        /// The container that it starts in, and as whom; its `arguments[0]` is then a path in there.
        public var joining: (process: JoinableProcess, identity: ProcessIdentity)?
        /// Gives it a /proc of its own; for a child in new mount and pid namespaces.
        public var ownProc = false
        /// Whether the kernel kills it when we die.
        public var diesWithUs = true

        public init() {}
    }

    /// Starts `arguments[0]`, found on PATH unless it holds a slash.
    ///
    /// - Throws: `.unsupported` with a hint where the program isn't installed, `.failed` where it can't be started.
    public init(_ arguments: [String], options: Options = Options()) throws(ProvisionError) {
        name = arguments[0]
        let path = options.joining == nil ? try ChildProcess.locate(arguments[0]) : arguments[0]
        let environment = options.environment?.map { "\($0.key)=\($0.value)" }.sorted() ?? ChildProcess.ourEnvironment()
        let targets = options.descriptors.keys.sorted()
        let sources = targets.map { options.descriptors[$0]!.rawValue }
        let cgroups = options.cgroups.map(\.rawValue)
        let started: Int32 = withCStrings(arguments) { argv in
            withCStrings(environment) { envp in
                withOptionalCString(options.directory?.string) { directory in
                    path.withCString { path in
                        withBuffers(sources, targets, cgroups) { sources, targets, cgroups in
                            var spawn = provision_spawn_options()
                            spawn.path = path
                            spawn.arguments = argv
                            spawn.environment = envp
                            spawn.directory = directory
                            spawn.sources = sources.baseAddress
                            spawn.targets = targets.baseAddress
                            spawn.descriptor_count = Int32(targets.count)
                            spawn.namespaces = options.namespaces.rawValue
                            spawn.parent_death_signal = options.diesWithUs ? SIGKILL : 0
                            spawn.new_session = options.newSession ? 1 : 0
                            spawn.terminal = options.terminal?.rawValue ?? -1
                            spawn.new_group = options.newGroup ? 1 : 0
                            spawn.cgroups = cgroups.baseAddress
                            spawn.cgroup_count = Int32(cgroups.count)
                            spawn.network_namespace = options.networkNamespace?.rawValue ?? -1
                            spawn.mount_proc = options.ownProc ? 1 : 0
                            guard let joining = options.joining else { return provision_spawn(&spawn) }
                            return joining.process.withDescription(as: joining.identity) {
                                spawn.joining = $0
                                return provision_spawn(&spawn)
                            }
                        }
                    }
                }
            }
        }
        guard started > 0 else {
            let number = errno
            throw systemError(
                "start", name, errno: number,
                hint: number == EPERM && !options.namespaces.isEmpty ? "creating namespaces needs root" : nil)
        }
        pid = started
        pidfd = provision_pidfd_open(started)
    }

    deinit {
        if reaped == nil, !isReleased {
            kill(pid, SIGKILL)
            _ = ChildProcess.reap(pid)
        }
        if pidfd >= 0 { close(pidfd) }
    }

    /// Lets a child that was started with `diesWithUs` off live on when this value goes.
    public mutating func release() { isReleased = true }

    /// Sends a signal; does nothing once the child was waited for.
    public func signal(_ number: Int32) {
        if reaped == nil { kill(pid, number) }
    }

    /// Waits at most `milliseconds` (nil: for ever); nil when the time is over. Not cut short by signals of ours.
    public mutating func wait(milliseconds: Int32? = nil) -> Status? {
        if let reaped { return reaped }
        if let milliseconds {
            var descriptor = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
            if poll(&descriptor, 1, milliseconds) <= 0 { return nil }
        }
        reaped = ChildProcess.reap(pid)
        return reaped
    }

    /// Waits; on a signal of ours sends `forward` (default SIGTERM), then SIGKILL after `grace` milliseconds.
    ///
    /// - Throws: `.interrupted` after the child has ended, where a signal came.
    public mutating func waitInterruptibly(grace: Int32 = 5000) throws(ProvisionError) -> Status {
        while true {
            if let status = wait(milliseconds: 100) { return status }
            do { try Interruption.check() } catch {
                terminate(grace: grace)
                throw error
            }
        }
    }

    /// SIGTERM, then SIGKILL after `grace` milliseconds; returns when the child is gone.
    public mutating func terminate(grace: Int32) {
        signal(SIGTERM)
        if wait(milliseconds: grace) == nil {
            signal(SIGKILL)
            _ = wait()
        }
    }

    /// The descriptor that polls readable when the child has ended.
    public var exitDescriptor: FileDescriptor { FileDescriptor(rawValue: pidfd) }

    /// Waits for a child of ours that is no value of this type, and takes its status.
    public static func reap(_ pid: Int32) -> Status {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            // ECHILD: somebody else reaped it; its status is lost, which must not read as success.
            if errno != EINTR { return .exited(255) }
        }
        return status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f)
    }

    /// Finds a program on PATH (and in the sbin directories, which users' PATH may lack).
    public static func locate(_ program: String, path: String = searchPath) throws(ProvisionError) -> String {
        if program.contains("/") { return program }
        let directories: [Substring] = path.split(separator: ":")
        for directory in directories + ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"] {
            let candidate = "\(directory)/\(program)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw ProvisionError(
            .unsupported, "the program \"\(program)\" is not installed",
            hint: "install the package that holds it: \(packageName(of: program))")
    }

    /// Our PATH, or the usual one: for children that get an environment of their own.
    public static var searchPath: String {
        getenv("PATH").map { String(cString: $0) } ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    }

    private static func packageName(of program: String) -> String {
        switch program {
        case "systemd-nspawn": "systemd-container"
        case "ip": "iproute2"
        case "nft": "nftables"
        case "newuidmap", "newgidmap": "uidmap (Debian) or shadow-utils (EL)"
        case "bsdtar", "bsdcpio": "libarchive-tools (Debian) or bsdtar (EL)"
        case "mksquashfs": "squashfs-tools"
        case "mkfs.erofs": "erofs-utils"
        case "gpg": "gpg (Debian) or gnupg2 (EL)"
        default: program
        }
    }

    private static func ourEnvironment() -> [String] {
        var result: [String] = []
        var entry = provision_environment()
        while let text = entry?.pointee {
            result.append(String(cString: text))
            entry = entry?.advanced(by: 1)
        }
        return result
    }
}

private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return (copies + [nil]).withUnsafeBufferPointer { body($0.baseAddress!) }
}

private func withBuffers<Result>(
    _ first: [Int32], _ second: [Int32], _ third: [Int32],
    _ body: (UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Int32>) -> Result
) -> Result {
    first.withUnsafeBufferPointer { first in
        second.withUnsafeBufferPointer { second in
            third.withUnsafeBufferPointer { body(first, second, $0) }
        }
    }
}

private func withOptionalCString<Result>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let string else { return body(nil) }
    return string.withCString(body)
}
