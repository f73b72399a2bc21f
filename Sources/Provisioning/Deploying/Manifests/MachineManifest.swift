internal import Containers
internal import Diagnostics
internal import Layers
internal import System
internal import SystemPackage

/// How a machine is started, written down for other tools: the options of `boot` and `run` in their words.
///
/// What a tool has no words for is told, never left out silently.
public struct MachineManifest {
    /// Who starts the machine.
    public enum Form: String, Sendable, CaseIterable {
        /// Kubernetes, or podman by `podman kube play`.
        case kube
        /// podman under systemd (podman-systemd.unit(5)).
        case quadlet
        /// systemd-nspawn under systemd, as machinectl starts it (systemd.nspawn(5)).
        case nspawn
    }

    /// One file to write.
    public struct File: Sendable, Equatable {
        /// Its name, and where it belongs by default.
        public var name: String
        public var place: String
        public var text: String
    }

    /// A port of the host that leads to one of the machine.
    struct Port {
        /// nil listens on every address.
        var address: String?
        var host: Int
        var container: Int
        var isUDP = false

        /// `[ADDRESS:]HOST:CONTAINER[/udp]`
        var words: String { (address.map { "\($0):" } ?? "") + "\(host):\(container)" + (isUDP ? "/udp" : "") }
    }

    let name: String
    /// What runs where a registry has it: `registry/name:tag`.
    let image: String?
    /// nil boots /sbin/init.
    let command: [String]?
    let request: ContainerRequest
    let binds: [BindMount]
    let capabilities: CapabilityChanges
    let ports: [Port]
    /// Options that a form has no words for.
    private(set) var notes: [String] = []

    /// - Parameter request: as boot or run would get it.
    /// - Throws: `.usage` for options that can't be meant.
    public init(_ request: ContainerRequest, image: String?) throws {
        self.request = request
        self.image = image
        let wanted = request.machine ?? FilePath(request.target).lastComponent?.string ?? request.target
        name = MachineName(derivedFrom: wanted).text
        if case .run(let words) = request.mode { command = words } else { command = nil }
        binds = try request.binds.map { try BindMount(parsing: $0, workingDirectory: Files.absolute(".")) }
        var changes = CapabilityChanges()
        for change in request.capabilities { try changes.apply(change) }
        capabilities = changes
        ports = try request.publications.flatMap { text in
            let publication = try Publication(text)
            return zip(publication.hostPorts, publication.containerPorts).map { host, container in
                Port(
                    address: publication.address?.address, host: host, container: container,
                    isUDP: publication.transport == .udp)
            }
        }
    }

    /// The files of one form, and in words what they can't carry.
    ///
    /// - Throws: `.usage` where the form needs what wasn't given.
    public mutating func files(_ form: Form, deployment: Bool) throws -> (files: [File], notes: [String]) {
        notes = []
        if let network = request.sharedNetwork {
            note("--network \(network): join the machines in a network of the other tool's")
        }
        if request.nat { note("--nat: the other tool decides how a machine reaches out") }
        if !request.nameServers.isEmpty { note("--dns: the other tool says which name servers a machine asks") }
        if form != .nspawn {
            for interface in request.interfaces {
                note("--interface \(interface): only nspawn takes an interface of the host's")
            }
        }
        guard deployment == false || form == .kube else {
            throw ProvisionError(.usage, "only Kubernetes has deployments", hint: "leave --deployment out")
        }
        let files =
            switch form {
            case .kube: [try kube(deployment: deployment)]
            case .quadlet: [try quadlet()]
            case .nspawn: try nspawn()
            }
        return (files, notes)
    }

    mutating func note(_ text: String) { notes.append(text) }

    func imageName(for form: String) throws(ProvisionError) -> String {
        if let image {
            // Short names and image ids are podman's to understand.
            guard !image.isEmpty, !image.contains(where: \.isWhitespace) else {
                throw ProvisionError(
                    .usage, "\"\(image)\" is no image's name", hint: "name what was pushed: --image REGISTRY/NAME:TAG")
            }
            return image
        }
        throw ProvisionError(
            .usage, "\(form) runs an image of a registry",
            hint: "push the layer, and name what was pushed with --image REGISTRY/NAME:TAG")
    }

    /// `KEY`, `VALUE`.
    var environment: [(String, String)] {
        request.environment.map { entry in
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }

    /// The head of a file in a language whose comments begin with `#`.
    func head(_ purpose: String) -> String {
        let lines = ["\(purpose), written by provision \(version)."] + notes.map { "Not carried over: \($0)." }
        return lines.map { "# \($0)\n" }.joined()
    }
}
