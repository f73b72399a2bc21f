/// A package's name, epoch, version, release and architecture: its identity in rpm's world.
///
/// Written `name-[epoch:]version-release.arch`; an epoch of 0 is left out, as dnf does. Ordering of versions is not here: ask
/// libsolv or librpm.
public struct NEVRA: Hashable, Sendable, Codable {
    public var name: String
    public var epoch: UInt32
    public var version: String
    public var release: String
    public var arch: String

    public init(name: String, epoch: UInt32 = 0, version: String, release: String, arch: String) {
        self.name = name
        self.epoch = epoch
        self.version = version
        self.release = release
        self.arch = arch
    }

    /// `[epoch:]version-release`.
    public var evr: String { (epoch == 0 ? "" : "\(epoch):") + "\(version)-\(release)" }

    /// Parses `name-[epoch:]version-release.arch`; nil where a part is missing or empty.
    public init?(_ text: String) {
        guard let dot = text.lastIndex(of: ".") else { return nil }
        let arch = text[text.index(after: dot)...]
        let parts = text[..<dot].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 3, !arch.isEmpty, !arch.contains("-") else { return nil }
        let release = parts[parts.count - 1]
        var version = parts[parts.count - 2]
        var epoch: UInt32 = 0
        if let colon = version.firstIndex(of: ":") {
            guard let number = UInt32(version[..<colon]) else { return nil }
            epoch = number
            version = version[version.index(after: colon)...]
        }
        let name = parts.dropLast(2).joined(separator: "-")
        guard !name.isEmpty, !version.isEmpty, !release.isEmpty else { return nil }
        self.init(name: name, epoch: epoch, version: String(version), release: String(release), arch: String(arch))
    }

    /// The name in a text of that form, without looking at the rest: a tenth of the time. nil where there can't be one.
    public static func name(in text: String) -> Substring? {
        let bytes = text.utf8
        guard let release = bytes.lastIndex(of: UInt8(ascii: "-")),
            let version = bytes[..<release].lastIndex(of: UInt8(ascii: "-")), version != bytes.startIndex
        else { return nil }
        return text[..<version]
    }
}

extension NEVRA: CustomStringConvertible {
    public var description: String { "\(name)-\(evr).\(arch)" }
}
