public import Model

/// A package of a root's rpm database.
public struct InstalledPackage: Codable, Sendable, Equatable {
    public var nevra: NEVRA
    /// Of its header: the package file's isn't in the database.
    public var headerDigest: ContentDigest
    /// Bytes of its files.
    public var installedSize: UInt64
    public var summary: String
}
