public import Containers
internal import Diagnostics
internal import Glibc
internal import Layers
public import Model
public import Repositories
internal import System
public import SystemPackage

/// What a state holds: layers, machines, mounts, and what dead runs left.
public struct Inventory {
    private let context: Context
    private let store: LayerStore
    private let machines: MachineStore

    public init(context: Context) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
        machines = MachineStore(state: context.state)
    }

    /// - Parameter diskUse: whether each layer's use of the disk is measured, which means to look at every file.
    public func listing(diskUse: Bool = false) throws -> Listing {
        Listing(
            layers: try store.heads().map { head in
                var summary = LayerSummary(head)
                if diskUse, let layer = try store.layerIfPresent(head.name) { summary.disk = try store.diskUse(of: layer) }
                return summary
            },
            machines: try machines.list().map { machine in
                var summary = MachineSummary(machine, in: machines.directory)
                summary.initialization = try machines.initialization(of: machine)
                return summary
            })
    }

    /// The layers as families, bases first by name.
    ///
    /// - Parameter diskUse: as for `listing`.
    public func families(diskUse: Bool = false) throws -> [FamilyNode] {
        func node(_ family: LayerFamily) throws -> FamilyNode {
            let head = family.layer
            let layer = diskUse ? try store.layerIfPresent(head.name) : nil
            return FamilyNode(
                name: head.name, size: head.size, digest: head.digest, disk: try layer.map { try store.diskUse(of: $0) },
                broken: family.broken?.message, children: try family.children.map(node))
        }
        return try store.families().map(node)
    }

    /// What a name means: a layer, or else a machine.
    public enum Subject {
        case layer(LayerDetails)
        case machine(MachineSummary)
    }

    /// - Throws: `.notFound` with the nearest name.
    public func subject(named name: String) throws -> Subject {
        // A layer's machine may have another name than the layer: what fits both.
        let names = [name, MachineName(derivedFrom: name).text]
        let machine = try machines.list().first { names.contains($0.record.name.text) }.map { machine in
            var summary = MachineSummary(machine, in: machines.directory)
            summary.processes = try machines.processes(of: machine)
            summary.initialization = summary.processes?.first { $0.inside == 1 }?.outside
            return summary
        }
        if let layer = try store.layerIfPresent(name) {
            var details = try LayerDetails(layer, in: store)
            details.machine = machine
            return .layer(details)
        }
        if let machine { return .machine(machine) }
        return .layer(try LayerDetails(try store.layer(named: name), in: store))
    }

    /// Removes a layer without children or a machine that doesn't run; a name that both have means the machine.
    ///
    /// - Throws: `.notFound`, or `.conflict` that says who needs it.
    public func remove(_ name: String, only what: Removal.What?) throws -> Removal {
        let isMachine = try machines.list().contains { $0.record.name.text == name }
        if what == .machine || (what == nil && isMachine) {
            try machines.remove(name)
            return Removal(what: .machine, name: name)
        }
        try store.remove(name)
        return Removal(what: .layer, name: name)
    }

    /// Removes what dead runs left behind; what it removed, in words.
    public func sweep() throws -> [String] {
        let report = try store.sweep()
        try machines.sweep()
        let derived = try store.sweepDerived()
        return report.removed + derived + report.staleMounts.map { "the record of a mount at \($0)" }
    }

    /// Removes from the cache what no run needs any more.
    public func sweepCache() throws -> CacheSweep.Report {
        let sweep = CacheSweep(cache: context.cache)
        if let report = try sweep.run() { return report }
        let users = try sweep.users.map { "process \($0)" }
        context.progress.warn(
            "the cache is in use by \(users.isEmpty ? "another run" : users.joined(separator: ", ")): nothing was removed from it"
        )
        return CacheSweep.Report()
    }

    /// Mounts the merged view of a layer, a machine or a root directory where everybody on the host sees it.
    ///
    /// - Throws: `.notFound`, `.conflict` where something of ours is mounted there already.
    public func mount(_ target: String, at directory: FilePath, writable: Bool) throws {
        let view = try view(of: target)
        try MountTable(state: context.state).mount(
            trees: view.trees, target: target, layers: view.layers, at: directory, writable: writable, now: Int64(time(nil)))
    }

    /// The trees that show a target and the layers among them, each topmost first. A machine's own tree stands above the layers.
    typealias View = (trees: [FilePath], layers: [String])

    /// - Throws: `.notFound` for an unknown target, as `LayerStore.chain(of:)` for a broken layer.
    func view(of target: String) throws -> View {
        let isLayer = try target.contains("/") || store.layerIfPresent(target) != nil
        guard !isLayer, let machine = try machines.list().first(where: { $0.record.name.text == target }),
            let layer = machine.record.layer
        else {
            let found = try store.target(target)
            return (found.trees, found.layerNames)
        }
        let chain = try store.chain(named: layer.name)
        let upper = machines.directory.appending(target).appending("upper")
        return ((Files.isDirectory(upper) ? [upper] : []) + chain.trees, chain.names)
    }

    public func unmount(_ directory: FilePath) throws {
        try MountTable(state: context.state).unmount(directory)
    }
}

/// The document of `provision list --json`.
public struct Listing: Encodable, Sendable {
    public var layers: [LayerSummary]
    public var machines: [MachineSummary]
}

/// One layer in a list.
public struct LayerSummary: Encodable, Sendable {
    public var name: String
    public var kind: LayerManifest.Kind
    public var parent: String?
    public var release: String
    /// Number of packages of its own.
    public var packages: Int
    /// Bytes of its own files.
    public var size: UInt64
    public var digest: ContentDigest
    /// The time that the build gave to what it made: seconds since 1970.
    public var created: Int64
    /// When it came to be here: seconds since 1970.
    public var made: Int64
    public var path: String
    /// Where it was asked for.
    public var disk: DiskUse?

    init(_ layer: LayerHead) {
        name = layer.name
        kind = layer.kind
        parent = layer.parent?.name
        release = layer.release
        packages = layer.packages.count
        size = layer.size
        digest = layer.digest
        created = layer.created
        made = layer.made
        path = layer.directory.appending("tree").string
    }
}

/// A layer with its children: the document of `provision tree --json` is an array of them.
public struct FamilyNode: Encodable, Sendable {
    public var name: String
    /// Bytes of its own files.
    public var size: UInt64
    public var digest: ContentDigest
    /// Where it was asked for.
    public var disk: DiskUse?
    /// Why it can't be used although it is there: its parent isn't, or is another than it was made on.
    public var broken: String?
    public var children: [FamilyNode]
}

/// One machine in a list.
public struct MachineSummary: Encodable, Sendable {
    public var name: String
    /// `running` or `stopped`, as the kernel has it.
    public var state: String
    /// The layer that it stands on; empty for a root directory.
    public var layer: String
    /// provision's process that runs it.
    public var pid: Int32?
    /// The host's number of the container's PID 1.
    public var initialization: Int32?
    /// The container's first address, with its prefix length.
    public var address: String?
    /// All of them.
    public var addresses: [String]?
    /// `private`, `host`, `network:NAME` or `namespace:NAME`.
    public var network: String?
    /// Ports of the host that lead into it.
    public var published: [String]?
    /// The host's interface that leads to it.
    public var interface: String?
    /// When it was started: seconds since 1970.
    public var started: Int64?
    /// Seconds since then.
    public var uptime: Int64?
    /// What it uses and may use at most, as the kernel has it.
    public var usage: ContainerUsage?
    /// What was started in it: /sbin/init, or a command's words.
    public var command: [String]?
    /// Its processes by their numbers on either side; `show` only.
    public var processes: [MachineProcess]?
    public var path: String

    private enum CodingKeys: String, CodingKey {
        case name, state, layer, pid, address, addresses, network, published, interface, started, uptime, usage, command,
            processes, path
        case initialization = "init"
    }

    init(_ machine: Machine, in directory: FilePath) {
        name = machine.record.name.text
        state = machine.condition.rawValue
        layer = machine.record.layer?.name ?? ""
        let run = machine.condition == .running ? machine.record.run : nil
        pid = run?.pid
        addresses = run?.addresses?.guest.map(\.description)
        address = addresses?.first
        network = run?.network
        published = run?.published.flatMap { $0.isEmpty ? nil : $0 }
        interface = run?.interface
        started = run?.started
        uptime = run.map { max(0, Int64(time(nil)) - $0.started) }
        usage = run.map { ContainerUsage(cgroups: $0.cgroups.map { FilePath($0) }) }
        command = run?.command
        path = directory.appending(machine.record.name.text).string
    }
}

/// What `rm` removed.
public struct Removal: Encodable, Sendable {
    public enum What: String, Encodable, Sendable { case layer, machine }
    public var what: What
    public var name: String
}
