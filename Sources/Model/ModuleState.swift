extension Selection.Module {
    /// Where a root keeps what it says of its module streams, one file each.
    public static let directory = "/etc/dnf/modules.d"

    /// Of its file there.
    public var fileName: String { "\(name).module" }

    /// Its file's text, byte for byte as libdnf writes it (`ModulePackageContainer::Impl::ModulePersistor::save`).
    public var text: String {
        "[\(name)]\nname=\(name)\nstream=\(stream)\nprofiles=\(profiles.joined(separator: ", "))\nstate=enabled\n"
    }

    /// Reads such a file; nil where it enables no stream.
    public init?(parsing text: String) {
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[Self.trimmed(line[..<equals])] = Self.trimmed(line[line.index(after: equals)...])
        }
        guard values["state"] == "enabled", let name = values["name"], let stream = values["stream"], !name.isEmpty,
            !stream.isEmpty
        else { return nil }
        let profiles = (values["profiles"] ?? "").split(separator: ",").map(Self.trimmed).filter { !$0.isEmpty }
        self.init(name: name, stream: stream, profiles: profiles.sorted())
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
