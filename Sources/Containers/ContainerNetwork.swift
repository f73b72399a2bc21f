internal import Diagnostics
internal import System
internal import SystemPackage

/// A container's network while it runs: its namespace, and the host's end of its veth pair.
///
/// Both vanish with the processes that hold the namespace; `remove()` is for those who want them gone before going on.
struct ContainerNetwork: ~Copyable {
    /// nil: the host's own network.
    let namespace: NetworkNamespace?
    let hostInterface: String?

    /// For `ChildProcess.Options.networkNamespace`; valid while this value lives.
    var namespaceDescriptor: FileDescriptor? {
        switch namespace {
        case .some(let namespace): namespace.descriptor
        case .none: nil
        }
    }

    /// Makes or opens the namespace and configures both ends, before anything runs in it.
    ///
    /// - Throws: `.conflict` where addresses collide with the host's, `.notFound` for an unknown namespace.
    static func prepare(_ network: ContainerSpecification.Network, machine: MachineName) throws -> ContainerNetwork {
        switch network {
        case .host: return ContainerNetwork(namespace: nil, hostInterface: nil)
        case .namespace(let name): return ContainerNetwork(namespace: try .named(name), hostInterface: nil)
        case .private(nil):
            let namespace = try NetworkNamespace.make()
            try execute(.isolated, in: namespace)
            return ContainerNetwork(namespace: namespace, hostInterface: nil)
        case .private(let addresses?):
            let interface = NetworkPlan.hostInterface(for: machine)
            try HostNetwork.current().check(addresses, hostInterface: interface)
            let namespace = try NetworkNamespace.make()
            let plan = NetworkPlan.veth(addresses, hostInterface: interface, namespacePath: namespace.path)
            do { try execute(plan, in: namespace) } catch {
                Interruption.withoutInterruption { delete(interface) }
                throw error
            }
            return ContainerNetwork(namespace: namespace, hostInterface: interface)
        }
    }

    /// Deletes the host's end at once; the kernel would do it a moment after the namespace's end.
    func remove() {
        if let hostInterface { Interruption.withoutInterruption { ContainerNetwork.delete(hostInterface) } }
    }

    private static func execute(_ plan: NetworkPlan, in namespace: borrowing NetworkNamespace) throws {
        if !plan.hostCommands.isEmpty { try batch(plan.hostCommands, in: nil) }
        try batch(plan.guestCommands, in: namespace.descriptor)
    }

    private static func batch(_ lines: [String], in namespace: FileDescriptor?) throws {
        let output = try runProgram(
            ["ip", "-batch", "-"], input: Array(lines.map { $0 + "\n" }.joined().utf8), networkNamespace: namespace)
        guard output.status.succeeded else {
            let said = output.standardError.split(separator: "\n").map(String.init)
            throw ProvisionError(.failed, "cannot configure the container's network", causes: said)
        }
    }

    private static func delete(_ interface: String) {
        // Already gone where the guest deleted its end: then there is nothing to report.
        _ = try? runProgram(["ip", "link", "delete", "dev", interface])
    }
}
