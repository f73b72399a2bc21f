public import Model

/// A package file that somebody named, before anything in it is believed.
public struct NamedPackageFile: Codable, Sendable, Equatable {
    public var path: String
    /// As it was named, for messages.
    public var label: String
    public var requireSignature: Bool
    /// Fingerprints of the keys that may have signed it.
    public var allowedKeys: [String]

    public init(path: String, label: String, requireSignature: Bool, allowedKeys: [String]) {
        self.path = path
        self.label = label
        self.requireSignature = requireSignature
        self.allowedKeys = allowedKeys
    }
}

/// What such a file turned out to be, after it passed all that an installed package must pass.
public struct InspectedPackage: Codable, Sendable, Equatable {
    public var nevra: NEVRA
    /// Of the whole file.
    public var checksum: ContentDigest
    public var size: UInt64
}
