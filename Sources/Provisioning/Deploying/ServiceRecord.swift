public import Model

/// What a host knows of a deployed service: `STATE/services/NAME.json`.
public struct ServiceRecord: Codable, Sendable, Equatable {
    /// One version that was deployed: a layer, and how a machine is started on it.
    public struct Version: Codable, Sendable, Equatable {
        /// Counted from 1, never used twice.
        public var number: Int
        public var layer: LayerManifest.Parent
        /// What stands behind the target of `boot`, or of `run` where there is a `--`.
        public var words: [String]
        /// Seconds since 1970.
        public var deployed: Int64
        /// Whether the layer came with the deployment, and so goes with it.
        public var shipped: Bool
        /// The version that served when this one was deployed: what a rollback goes back to.
        public var after: Int?
    }

    /// Format version of this file.
    public var schema = 1
    public var name: String
    /// Oldest first.
    public var versions: [Version] = []
    /// The number of the version that serves; nil before the first is up.
    public var current: Int?
    /// The number of a version that a switch was going to when it was cut off.
    public var switching: Int?

    init(name: String) { self.name = name }

    public var currentVersion: Version? { versions.first { $0.number == current } }

    /// The name of the machine that runs a version.
    public func machine(of number: Int) -> String { "\(name)-\(number)" }

    /// The version that the current one took over from; one that was rolled back from is not gone back to.
    var previous: Version? { previous(of: currentVersion) }

    private func previous(of version: Version?) -> Version? {
        guard let version else { return nil }
        return versions.first { $0.number == version.after } ?? versions.last { $0.number < version.number }
    }

    /// The current version, those that it would be rolled back to, and then the others, newest first.
    var inOrderOfUse: [Version] {
        var order: [Version] = []
        var next = currentVersion
        while let version = next, !order.contains(version) {
            order.append(version)
            next = previous(of: version)
        }
        return order + versions.reversed().filter { !order.contains($0) }
    }
}

/// The document of `provision activate --json` and `provision rollback --json`.
public struct ServiceAnswer: Codable, Sendable, Equatable {
    public var service: String
    public var version: Int
    public var layer: String
    public var digest: ContentDigest
    public var machine: String
    /// The version that served before.
    public var previous: Int?
    /// False where that version served already.
    public var changed: Bool
    /// Seconds from the old machine's first signal to the new one's readiness.
    public var seconds: Double
    /// Layers and machines of versions that aren't kept any more.
    public var removed: [String]
}

/// One service in a list.
public struct ServiceSummary: Encodable, Sendable {
    public struct Version: Encodable, Sendable {
        public var number: Int
        public var layer: String
        public var digest: ContentDigest
        public var machine: String
        /// `running` or `stopped`; only one that serves runs.
        public var state: String
        public var deployed: Int64
        public var current: Bool
    }

    public var name: String
    /// Newest first.
    public var versions: [Version]
    /// The version that an unfinished switch was going to.
    public var switching: Int?
}
