/// What follows the `@` where a module is meant: `NAME[:STREAM[:VERSION[:CONTEXT]]][::ARCH][/PROFILE]`.
///
/// Source: dnf's description of module specs, dnf(8), "Specifying modules".
public struct ModuleSpec: Sendable, Hashable {
    /// As it was written.
    public var text: String
    public var name: String
    public var stream: String?
    public var version: String?
    public var context: String?
    public var arch: String?
    public var profile: String?

    /// nil where the text can't mean a module.
    public init?(_ text: String) {
        self.text = text
        var rest = Substring(text)
        if let slash = rest.lastIndex(of: "/") {
            profile = String(rest[rest.index(after: slash)...])
            rest = rest[..<slash]
        }
        if let colons = rest.firstRange(of: "::") {
            arch = String(rest[colons.upperBound...])
            rest = rest[..<colons.lowerBound]
        }
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 4, parts.allSatisfy({ !$0.isEmpty }), profile != "", arch != "" else { return nil }
        name = parts[0]
        stream = parts.count > 1 ? parts[1] : nil
        version = parts.count > 2 ? parts[2] : nil
        context = parts.count > 3 ? parts[3] : nil
    }

    public func matches(_ module: ModuleStream) -> Bool {
        module.name == name && (stream ?? module.stream) == module.stream
            && (version ?? String(module.version)) == String(module.version) && (context ?? module.context) == module.context
            && (arch ?? module.arch) == module.arch
    }
}
