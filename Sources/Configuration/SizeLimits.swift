internal import Diagnostics

/// The most that is accepted from a repository, in bytes: `[limits]` of config/settings.toml.
public struct SizeLimits: Sendable, Equatable {
    /// repomd.xml, a mirrorlist or a metalink; the largest real ones have some hundred kB.
    public var index: UInt64 = 16 << 20
    /// One file of metadata as it is fetched.
    public var metadata: UInt64 = 1 << 30
    /// One file of metadata unpacked; the largest real primary has about 900 MB.
    public var openMetadata: UInt64 = 4 << 30
    /// One package.
    public var package: UInt64 = 16 << 30

    static let keys = ["max-index-size", "max-metadata-size", "max-metadata-open-size", "max-package-size"]

    public init() {}

    /// - Throws: `.configuration`, with file and line, where a value is no size.
    init(_ table: StrictTable?) throws(ProvisionError) {
        guard let table else { return }
        try read("max-index-size", of: table, into: &index)
        try read("max-metadata-size", of: table, into: &metadata)
        try read("max-metadata-open-size", of: table, into: &openMetadata)
        try read("max-package-size", of: table, into: &package)
    }

    private func read(_ key: String, of table: StrictTable, into size: inout UInt64) throws(ProvisionError) {
        guard let text = try table.optionalString(key) else { return }
        guard let bytes = parseBytes(text), bytes > 0 else {
            throw table.error("\"\(text)\" is not a size", at: key, hint: "a number of bytes, or one with k, M or G: \"512M\"")
        }
        size = UInt64(bytes)
    }
}
