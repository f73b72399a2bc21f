public import Model

/// What a machine's directory says of it: `machine.json`.
public struct MachineRecord: Codable, Sendable, Equatable {
    /// The container that runs, or ran last without being able to say goodbye.
    public struct Run: Codable, Sendable, Equatable {
        /// The program that made the container.
        public var engine: String?
        /// The provision process that holds it, and when that one started: clock ticks after the host's boot.
        public var pid: Int32
        public var processStart: UInt64
        /// Seconds since 1970.
        public var started: Int64
        /// What runs: /sbin/init, or a command's words.
        public var command: [String]
        /// `private`, `host`, `network:NAME` or `namespace:NAME`.
        public var network: String
        public var addresses: NetworkAddresses?
        /// Ports of the host that lead into it.
        public var published: [String]?
        /// The host's end of its veth pair.
        public var interface: String?
        /// Directories of its cgroup, one a hierarchy.
        public var cgroups: [String]
    }

    /// Format version of this file.
    public var schema = 1
    public var name: MachineName
    /// The layer that it stands on, with the digest that it had then; nil for a root directory.
    public var layer: LayerManifest.Parent?
    /// The root directory, where it stands on no layer.
    public var directory: String?
    /// Seconds since 1970.
    public var created: Int64
    /// It is gone with its container: what a killed process left of it is garbage.
    public var isTemporary: Bool
    public var run: Run?
}

/// A machine of a state directory, as it is now.
public struct Machine: Sendable, Equatable {
    public enum Condition: String, Codable, Sendable { case running, stopped }

    public var record: MachineRecord
    public var condition: Condition
}
