public import Containers
internal import Diagnostics
internal import Glibc
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// What `boot` and `run` were asked for, as the command line says it.
public struct ContainerRequest: Sendable {
    public enum Mode: Sendable, Equatable {
        case boot
        case run([String])
    }

    /// A layer's or machine's name, or a path with a `/`.
    public var target: String
    public var mode: Mode
    public var ephemeral = false
    public var machine: String?
    public var hostNetwork = false
    /// The container's ends: `10.0.0.2/24`, one of a family.
    public var addresses: [String] = []
    /// The host's.
    public var hostAddresses: [String] = []
    public var networkNamespace: String?
    /// A network that several machines share; an address of it may be in `addresses`.
    public var sharedNetwork: String?
    public var nat = false
    /// Addresses.
    public var nameServers: [String] = []
    /// `[ADDRESS:]HOST:CONTAINER[/tcp|/udp]`
    public var publications: [String] = []
    /// The host's, moved in.
    public var interfaces: [String] = []
    public var limits = ResourceLimits()
    /// `SRC[:DST][:ro]`
    public var binds: [String] = []
    public var user: String?
    /// `KEY=VALUE`
    public var environment: [String] = []
    /// `+NAME` or `-NAME`
    public var capabilities: [String] = []
    public var readOnly = false
    public var privateUsers = false
    public var engine = ContainerSpecification.Engine.nspawn
    /// Seconds.
    public var timeout: Int?
    /// Nobody is at its streams: a command gets a terminal whose output is logged, as a machine has.
    public var isDetached = false

    public init(target: String, mode: Mode) {
        self.target = target
        self.mode = mode
    }
}

/// Starts containers on layers, machines and root directories.
///
/// The process must be in a mount namespace of its own (`PrivateMounts.enter()`).
public struct ContainerRunner {
    private let context: Context
    private let store: LayerStore

    public init(context: Context) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
    }

    /// Runs it to its end; its status as the command line promises it. `report` is told what happens meanwhile.
    ///
    /// - Throws: what says that provision itself failed: `.notFound`, `.conflict`, `.usage`, `.unsupported`, `.failed`.
    public func run(_ request: ContainerRequest, report: @escaping (ContainerEvent) -> Void) throws -> ContainerOutcome {
        guard geteuid() == 0 else {
            throw ProvisionError(.unsupported, "running a container needs root", hint: "run it with sudo")
        }
        guard request.engine == .crun || !PrivateMounts.isInUserNamespace else {
            throw ProvisionError(
                .unsupported, "systemd-nspawn needs root", hint: "run it with sudo, or as you are: run --engine crun")
        }
        CgroupMoves.begin()
        let specification = try specification(request)
        return try ContainerEngine(state: context.state, progress: context.progress, report: report).run(specification)
    }

    /// The name that the machine of a request gets when this process starts it.
    public func machineName(of request: ContainerRequest) throws -> String { try specification(request).machine.text }

    private func specification(_ request: ContainerRequest) throws -> ContainerSpecification {
        let mode: ContainerSpecification.Mode =
            switch request.mode {
            case .boot: .boot
            case .run(let command): .run(command)
            }
        let subject = try subject(request)
        let storage = ContainerSpecification.Storage.chosen(
            for: mode, machineIsNamed: request.machine != nil || subject.keepsChanges, ephemeral: request.ephemeral)
        let name =
            try request.machine.map { try MachineName($0) }
            ?? (storage == .ephemeral
                ? MachineName(temporaryFor: subject.name, process: getpid()) : MachineName(derivedFrom: subject.name))
        var specification = ContainerSpecification(
            machine: name, root: subject.root, mode: mode, storage: storage, network: try network(request))
        specification.layer = subject.layer
        specification.binds = try request.binds.map { try BindMount(parsing: $0, workingDirectory: Files.absolute(".")) }
        for entry in request.environment {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            specification.environment[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        }
        specification.networkSettings.nat = request.nat
        specification.networkSettings.nameServers = request.nameServers
        specification.networkSettings.publications = try request.publications.map { try Publication($0) }
        specification.networkSettings.interfaces = request.interfaces
        specification.limits = request.limits
        specification.user = request.user
        for change in request.capabilities { try specification.capabilities.apply(change) }
        specification.readOnly = request.readOnly
        specification.privateUsers = request.privateUsers
        specification.engine = request.engine
        specification.logsConsole = request.isDetached
        specification.terminal = request.isDetached || isatty(0) == 1 && isatty(1) == 1 && isatty(2) == 1
        specification.timeout = request.timeout.map { Int32(clamping: $0) }
        return specification
    }

    /// What a target means.
    private struct Subject {
        var name: String
        var root: ContainerSpecification.Root
        var layer: LayerManifest.Parent?
        /// A machine that is there, or a directory, which is changed in place.
        var keepsChanges = false
    }

    private func subject(_ request: ContainerRequest) throws -> Subject {
        if request.target.contains("/") {
            let path = try Files.canonical(FilePath(request.target))
            return Subject(name: path.lastComponent?.string ?? "root", root: .directory(path), keepsChanges: true)
        }
        if let layer = try store.layerIfPresent(request.target) { return try subject(layer) }
        if let machine = try MachineStore(state: context.state).list().first(where: { $0.record.name.text == request.target }),
            let parent = machine.record.layer
        {
            let layer = try store.layer(named: parent.name)
            guard layer.digest == parent.digest else {
                throw ProvisionError(
                    .conflict, "machine \"\(request.target)\" was made on another layer \"\(parent.name)\"",
                    hint: "remove the machine (provision rm --machine \(request.target)), or bring that layer back",
                    causes: ["made on \(parent.digest)", "here is \(layer.digest)"])
            }
            var subject = try subject(layer)
            subject.name = request.target
            subject.keepsChanges = true
            if request.ephemeral, case .layers(let trees) = subject.root {
                // On what the machine has become, not on what it was made of.
                guard machine.condition != .running else {
                    throw ProvisionError(
                        .conflict, "the machine \"\(request.target)\" runs: what it changes can't be stood on",
                        hint: "stop it first: provision stop \(request.target)")
                }
                let upper = MachineStore(state: context.state).directory.appending(request.target).appending("upper")
                if Files.isDirectory(upper) { subject.root = .layers([upper] + trees) }
            }
            return subject
        }
        // Not there: the error with the nearest layer's name.
        return try subject(store.layer(named: request.target))
    }

    private func subject(_ layer: Layer) throws -> Subject {
        Subject(
            name: layer.name, root: .layers(try store.chain(of: layer).trees),
            layer: LayerManifest.Parent(name: layer.name, digest: layer.digest))
    }

    private func network(_ request: ContainerRequest) throws -> ContainerSpecification.Network {
        if request.hostNetwork { return .host }
        if let name = request.networkNamespace { return .namespace(name) }
        if let name = request.sharedNetwork {
            return .shared(name, try request.addresses.map { try InterfaceAddress($0) })
        }
        if request.addresses.isEmpty && request.hostAddresses.isEmpty { return .private(nil) }
        return .private(
            try NetworkAddresses(
                guest: try request.addresses.map { try InterfaceAddress($0) },
                host: try request.hostAddresses.map { try InterfaceAddress($0) }))
    }
}
