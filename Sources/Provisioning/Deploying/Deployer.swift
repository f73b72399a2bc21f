internal import Diagnostics
internal import Images
internal import Layers
public import Model
internal import System
internal import SystemPackage

/// Brings an app layer to another host, with what it stands on where that isn't there, and lets it serve.
public struct Deployer {
    /// How the other host is reached.
    public struct Remote: Sendable {
        /// As ssh takes it: `user@host`.
        public var destination: String
        /// ssh and its own options.
        public var ssh: [String]
        /// What starts provision there.
        public var program: [String]

        public init(destination: String, ssh: [String] = ["ssh"], program: [String] = ["provision"]) {
            self.destination = destination
            self.ssh = ssh
            self.program = program
        }
    }

    private let context: Context
    private let store: LayerStore

    public init(context: Context) {
        self.context = context
        store = LayerStore(state: context.state, progress: context.progress)
    }

    /// Sends the layers that the host lacks, base first, then switches the service to the app.
    ///
    /// - Parameters:
    ///   - service: the service's name there; nil is the layer's.
    ///   - words: how its machine is started (see `ServiceRecord.Version`); nil: as before.
    ///   - keep: how many versions the host keeps.
    /// - Throws: `.unreachable` without a connection; what the other provision refuses, under its own code. What was
    ///   sent by then stays there, and isn't sent again.
    public func deploy(
        _ layer: String, to remote: Remote, service: String?, words: [String]?, keep: Int
    ) throws -> DeployAnswer {
        let chain = try store.chain(named: layer)
        let host = try RemoteHost(remote.destination, ssh: remote.ssh, program: remote.program)
        var there = try host.ask(RemoteListing.self, ["list"]).layers
        var sent: [DeployAnswer.Sent] = []
        for own in chain.layers.reversed() where !there.contains(where: { $0.digest == own.digest }) {
            // A version may go under a name that an earlier one has there: then the digest is added to it.
            let isTaken = there.contains { $0.name == own.name }
            let name = isTaken ? "\(own.name.prefix(50))-\(own.digest.short)" : own.name
            let layer = try send(own, as: name, to: host)
            there.append(RemoteListing.Layer(name: layer.name, digest: layer.digest))
            sent.append(DeployAnswer.Sent(layer: own.name, name: layer.name, digest: own.digest, bytes: own.manifest.size))
        }
        guard let name = there.first(where: { $0.digest == chain.top.digest })?.name else {
            throw ProvisionError(.failed, "the layer \"\(chain.top.name)\" didn't arrive on \"\(remote.destination)\"")
        }
        let answer = try context.progress.phase(.boot) {
            var request = ["activate", service ?? chain.top.name, name, "--keep", String(keep)]
            if sent.contains(where: { $0.digest == chain.top.digest }) { request.append("--shipped") }
            if let words { request += ["--words", String(decoding: try wordsDocument(words), as: UTF8.self)] }
            let answer = try host.switching(request)
            return (answer, note: "version \(answer.version) serves")
        }
        return DeployAnswer(host: remote.destination, sent: sent, activation: answer)
    }

    /// Lets an earlier version serve again on another host.
    public func rollback(_ service: String, to number: Int?, on remote: Remote) throws -> ServiceAnswer {
        let host = try RemoteHost(remote.destination, ssh: remote.ssh, program: remote.program)
        return try host.switching(["rollback", service] + (number.map { ["--to", String($0)] } ?? []))
    }

    private func send(_ layer: Layer, as name: String, to host: RemoteHost) throws -> RemoteListing.Unpacked {
        let format = try ImageFormat(named: "tar.zst")
        return try host.send(
            RemoteListing.Unpacked.self, ["unpack", "-", "--format", format.description, "--name", name]
        ) { pipe in
            _ = try ImagePacker(progress: context.progress).pack(
                tree: layer.tree, manifest: layer.manifest, format: format, to: pipe)
        }
    }
}

extension RemoteHost {
    /// Asks for a switch, which the host carries through once it has begun.
    fileprivate func switching(_ words: [String]) throws -> ServiceAnswer {
        do {
            return try ask(ServiceAnswer.self, words)
        } catch var error as ProvisionError where error.code == .interrupted {
            error.hint =
                "\"\(destination)\" goes on with the switch if it has begun; provision services there tells what serves"
            throw error
        }
    }
}

/// What `list` and `unpack` of another provision answer, as far as deploying looks at it.
private struct RemoteListing: Decodable {
    struct Layer: Decodable {
        var name: String
        var digest: ContentDigest
    }
    typealias Unpacked = Layer
    var layers: [Layer]
}

/// The document of `provision deploy --json`.
public struct DeployAnswer: Encodable, Sendable {
    public struct Sent: Encodable, Sendable {
        public var layer: String
        /// What it is called there.
        public var name: String
        public var digest: ContentDigest
        /// Of its files, before compression.
        public var bytes: UInt64
    }

    public var host: String
    public var sent: [Sent]
    public var activation: ServiceAnswer
}
