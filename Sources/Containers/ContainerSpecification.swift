public import Diagnostics
public import Model
internal import System
public import SystemPackage

/// One container to run: plain values, decided by the caller; `ContainerEngine.run` does it.
public struct ContainerSpecification: Sendable {
    /// What runs in it.
    public enum Mode: Hashable, Sendable {
        /// /sbin/init, as a machine boots.
        case boot
        /// One command, found on the container's PATH unless it holds a slash; a stub init of systemd-nspawn's is its parent.
        case run([String])
    }

    /// The program that makes the container.
    public enum Engine: String, Hashable, Sendable, CaseIterable {
        /// systemd-nspawn: boots, and runs commands.
        case nspawn
        /// crun, or another runtime of that command line (OCI runtime specification): runs commands; needs no root.
        case crun
    }

    /// What it sees as `/`.
    public enum Root: Hashable, Sendable {
        /// The trees of a chain of layers, topmost first; changes go to the machine's upper directory, or nowhere.
        case layers([FilePath])
        /// A directory, used as it is: changes are made in it, unless `ephemeral` or `readOnly`.
        case directory(FilePath)
    }

    /// Where its network comes from.
    public enum Network: Hashable, Sendable {
        /// A namespace of its own, with a loopback interface only or with one end of a veth pair.
        case `private`(NetworkAddresses?)
        /// The host's.
        case host
        /// A namespace of its own on a bridge with the other machines of that network: with these addresses, or the next free ones.
        case shared(String, [InterfaceAddress])
        /// The one that `ip netns add NAME` made.
        case namespace(String)
    }

    /// Where changes to the root go.
    public enum Storage: String, Hashable, Sendable {
        /// The machine's own upper directory (or the directory itself, where the root is one): kept.
        case kept
        /// A tmpfs that ends with the container.
        case ephemeral

        /// The rule of `boot` and `run`: a machine keeps its changes unless `--ephemeral`; a command that names no machine
        /// makes none. So two `run`s of one layer never stand in each other's way, and leave nothing behind.
        public static func chosen(for mode: Mode, machineIsNamed: Bool, ephemeral: Bool) -> Storage {
            switch mode {
            case _ where ephemeral: .ephemeral
            case .boot: .kept
            case .run: machineIsNamed ? .kept : .ephemeral
            }
        }
    }

    public var machine: MachineName
    public var root: Root
    public var mode: Mode
    /// The layer on top, for the machine's record; nil for a root that is a directory.
    public var layer: LayerManifest.Parent?
    public var storage: Storage
    public var network: Network
    public var networkSettings = NetworkSettings()
    public var limits = ResourceLimits()
    public var binds: [BindMount] = []
    /// For the command, or for init. Values may hold anything but NUL.
    public var environment: [String: String] = [:]
    /// A user of the container's own; nil: root.
    public var user: String?
    public var capabilities = CapabilityChanges()
    /// The container's users are others than the host's: 65536 from a free number on, by a user namespace, and its trees are shown
    /// with their owners moved likewise.
    public var privateUsers = false
    /// What its root is on the host; chosen by the engine.
    var userBase: UInt32?
    public var engine = Engine.nspawn
    /// Everything but API file systems, tmpfs mounts and binds is read-only.
    public var readOnly = false
    /// `run`: gives the command a terminal of its own, joined to ours. Right where standard input, output and error are all
    /// terminals (`ContainerSpecification.streamsAreTerminals`); otherwise the three streams are passed through as they are.
    public var terminal = false
    /// `run`: keeps what its terminal shows in the machine's console log, as `boot` always does.
    public var logsConsole = false
    /// Seconds after which it is ended, as by SIGTERM; the status is 124 then, as timeout(1)'s.
    public var timeout: Int32?
    /// Seconds that a shutdown may take before everything is killed.
    public var grace: Int32

    /// The defaults: a private network, the container's root user, 30 s to shut a machine down and 10 s for a command.
    public init(machine: MachineName, root: Root, mode: Mode, storage: Storage, network: Network = .private(nil)) {
        self.machine = machine
        self.root = root
        self.mode = mode
        self.storage = storage
        self.network = network
        grace = mode == .boot ? 30 : 10
    }

    /// Whether standard input, output and error are all terminals: `terminal`'s value, where nobody says otherwise.
    public static var streamsAreTerminals: Bool {
        [.standardInput, .standardOutput, .standardError].allSatisfy { isTerminal($0) }
    }

    /// Refuses what can't be meant, before anything is touched.
    ///
    /// - Throws: `.usage`.
    public func validate() throws(ProvisionError) {
        if case .layers(let trees) = root, trees.isEmpty { throw ProvisionError(.usage, "a root needs at least one layer") }
        if case .run(let command) = mode, command.first?.isEmpty ?? true {
            throw ProvisionError(.usage, "no command to run", hint: "give it after the target: run TARGET -- COMMAND")
        }
        if mode == .boot, engine == .crun {
            throw ProvisionError(
                .usage, "crun starts no init", hint: "boot takes systemd-nspawn: leave out --engine")
        }
        if mode == .boot, user != nil {
            throw ProvisionError(.usage, "init cannot run as another user", hint: "--user belongs to run")
        }
        for (key, value) in environment where key.isEmpty || key.contains("=") || key.contains("\0") || value.contains("\0") {
            throw ProvisionError(
                .usage, "\"\(key)\" cannot be the name of an environment variable", hint: "write it as NAME=VALUE")
        }
        if case .directory("/") = root {
            throw ProvisionError(
                .usage, "the host's own / can't be a container's root", hint: "make one with: provision base, or minimal")
        }
        for bind in binds {
            let place = FilePath(bind.destination).lexicallyNormalized().string
            if ["/proc", "/sys", "/dev"].contains(place) {
                throw ProvisionError(
                    .usage, "nothing can be bound over the container's own \"\(place)\"",
                    hint: "bind it elsewhere: --bind \(bind.source):/mnt")
            }
        }
        try networkSettings.validate()
        switch network {
        case .host, .namespace:
            guard networkSettings == NetworkSettings() else {
                throw ProvisionError(
                    .usage, "ports, name servers, NAT and interfaces belong to a network of the container's own",
                    hint: "leave out --host-network and --netns")
            }
        case .private, .shared: break
        }
        if let timeout, timeout <= 0 {
            throw ProvisionError(.usage, "a timeout of \(timeout) seconds", hint: "give a whole number of seconds, 1 or more")
        }
    }
}

/// A file or directory of the host shown in the container.
public struct BindMount: Hashable, Sendable {
    /// Absolute.
    public var source: FilePath
    /// Absolute, in the container.
    public var destination: String
    public var readOnly: Bool

    public init(source: FilePath, destination: String, readOnly: Bool) {
        self.source = source
        self.destination = destination
        self.readOnly = readOnly
    }

    /// Parses `SRC[:DST][:ro]`. A relative SRC is of the working directory; DST defaults to the absolute SRC.
    ///
    /// - Throws: `.usage` where it has another form.
    public init(parsing text: String, workingDirectory: FilePath) throws(ProvisionError) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        readOnly = false
        if parts.count > 1, let option = parts.last, option == "ro" || option == "rw" {
            readOnly = option == "ro"
            parts.removeLast()
        }
        let hint = "write it as SRC[:DST][:ro], DST an absolute path in the container"
        guard parts.count <= 2, !parts[0].isEmpty, parts.count == 1 || parts[1].hasPrefix("/") else {
            throw ProvisionError(.usage, "\"\(text)\" is not a bind mount", hint: hint)
        }
        source = workingDirectory.pushing(FilePath(parts[0])).lexicallyNormalized()
        destination = parts.count == 2 ? parts[1] : source.string
        guard FilePath(destination).lexicallyNormalized() != "/" else {
            throw ProvisionError(.usage, "\"\(text)\" would hide the container's whole root", hint: hint)
        }
    }
}
