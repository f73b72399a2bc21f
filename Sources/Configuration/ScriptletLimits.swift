internal import Diagnostics

/// What a package's scriptlet may take: `[scriptlets]` of config/settings.toml.
public struct ScriptletLimits: Sendable, Equatable {
    /// Seconds that one scriptlet may run. Building an initramfs or compiling a policy takes minutes on slow machines.
    public var seconds = 1800

    static let keys = ["time-limit"]

    public init() {}

    /// - Throws: `.configuration`, with file and line, where a value is out of its range.
    init(_ table: StrictTable?) throws(ProvisionError) {
        if let seconds = try table?.integer("time-limit", in: 1...86_400) { self.seconds = seconds }
    }
}
