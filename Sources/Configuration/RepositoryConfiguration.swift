public import Model

/// One repository as yum.conf and the release describe it; variables in its URLs are expanded.
public struct RepositoryConfiguration: Codable, Sendable, Equatable, Identifiable {
    public var id: String
    public var name: String
    public var baseURLs: [String] = []
    public var mirrorlist: String?
    public var metalink: String?
    public var enabled = true
    public var gpgcheck = true
    public var repoGPGCheck = false
    public var keys: [KeyReference] = []
    public var priority = 99
    public var cost = 1000
    public var includePackages: [String] = []
    public var excludePackages: [String] = []
    /// Seconds; nil means that metadata never expires.
    public var metadataExpire: Int? = 172_800
    public var skipIfUnavailable = false
    public var moduleHotfixes = false
    public var transport = TransportOptions()

    public init(id: String, name: String) {
        self.id = id
        self.name = name
    }
}
