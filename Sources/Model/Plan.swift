/// Why a package is in a plan: who asked for it.
public enum Reason: Hashable, Sendable {
    /// Named by the caller; the spec as it was written.
    case requested(spec: String)
    /// A member of a comps group that was asked for.
    case group(id: String)
    /// Needed by `by` (a NEVRA) for `capability`.
    case requires(capability: String, by: String)
    /// Pulled in by a weak dependency of `by`.
    case recommended(capability: String, by: String)

    /// As JSON and tables write it: `requested`, `group:core`, `requires:libc.so.6`, `recommends:X`.
    public var label: String {
        switch self {
        case .requested: "requested"
        case .group(let id): "group:\(id)"
        case .requires(let capability, _): "requires:\(capability)"
        case .recommended(let capability, _): "recommends:\(capability)"
        }
    }

    /// The NEVRA whose dependency this answers; nil for what was asked for.
    public var requiredBy: String? {
        switch self {
        case .requested, .group: nil
        case .requires(_, let by), .recommended(_, let by): by
        }
    }
}

/// One package that a plan installs, with all that is needed to fetch and to check it.
public struct PlannedPackage: Sendable, Hashable {
    /// What stands for the repository of packages that were named as files or URLs; dnf's name for it.
    public static let commandLine = "@commandline"

    public var nevra: NEVRA
    /// The id of the repository that it comes from.
    public var repository: String
    /// Path below the repository's base URL, as primary gives it.
    public var location: String
    /// `xml:base` of the location, where the metadata gives one.
    public var locationBase: String?
    /// Digest of the whole package file, from the metadata.
    public var checksum: ContentDigest
    /// Bytes of the package file.
    public var size: UInt64
    /// Bytes from the file's start to the end of its header, from the metadata; nil where it doesn't tell. Not written out.
    public var headerEnd: UInt64?
    /// Bytes of the installed files.
    public var installedSize: UInt64
    public var summary: String
    public var reason: Reason

    public init(
        nevra: NEVRA, repository: String, location: String, locationBase: String? = nil, checksum: ContentDigest,
        size: UInt64, headerEnd: UInt64? = nil, installedSize: UInt64, summary: String = "", reason: Reason
    ) {
        self.nevra = nevra
        self.repository = repository
        self.location = location
        self.locationBase = locationBase
        self.checksum = checksum
        self.size = size
        self.headerEnd = headerEnd
        self.installedSize = installedSize
        self.summary = summary
        self.reason = reason
    }
}

/// What a build will install, in the order in which it should arrive.
public struct Plan: Sendable, Equatable {
    public var packages: [PlannedPackage]
    /// What the solver wants to say although it found an answer (a group member that no repository has, say).
    public var warnings: [String]
    public var selection: Selection

    public init(packages: [PlannedPackage], warnings: [String] = [], selection: Selection = Selection()) {
        self.packages = packages
        self.warnings = warnings
        self.selection = selection
    }

    /// Bytes of all package files.
    public var downloadSize: UInt64 { packages.reduce(0) { $0 + $1.size } }
    /// Bytes of all installed files.
    public var installedSize: UInt64 { packages.reduce(0) { $0 + $1.installedSize } }
}

extension PlannedPackage: Codable {
    private enum Key: String, CodingKey {
        case name, epoch, version, release, arch, repo, location, locationBase, checksum, sha256, size, installedSize
        case summary, reason, requiredBy, spec
    }

    /// The shape that the command line promises for `packages`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(nevra.name, forKey: .name)
        try container.encode(nevra.epoch, forKey: .epoch)
        try container.encode(nevra.version, forKey: .version)
        try container.encode(nevra.release, forKey: .release)
        try container.encode(nevra.arch, forKey: .arch)
        try container.encode(repository, forKey: .repo)
        try container.encode(location, forKey: .location)
        try container.encodeIfPresent(locationBase, forKey: .locationBase)
        if checksum.algorithm == .sha256 {
            try container.encode(checksum.hex, forKey: .sha256)
        } else {
            try container.encode(checksum, forKey: .checksum)
        }
        try container.encode(size, forKey: .size)
        try container.encode(installedSize, forKey: .installedSize)
        try container.encode(summary, forKey: .summary)
        try container.encode(reason.label, forKey: .reason)
        try container.encodeIfPresent(reason.requiredBy, forKey: .requiredBy)
        if case .requested(let spec) = reason { try container.encode(spec, forKey: .spec) }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        nevra = NEVRA(
            name: try container.decode(String.self, forKey: .name),
            epoch: try container.decode(UInt32.self, forKey: .epoch),
            version: try container.decode(String.self, forKey: .version),
            release: try container.decode(String.self, forKey: .release),
            arch: try container.decode(String.self, forKey: .arch))
        repository = try container.decode(String.self, forKey: .repo)
        location = try container.decode(String.self, forKey: .location)
        locationBase = try container.decodeIfPresent(String.self, forKey: .locationBase)
        if let hex = try container.decodeIfPresent(String.self, forKey: .sha256) {
            guard let digest = ContentDigest(.sha256, hex: hex) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .sha256, in: container, debugDescription: "\"\(hex)\" is not a sha256 digest")
            }
            checksum = digest
        } else {
            checksum = try container.decode(ContentDigest.self, forKey: .checksum)
        }
        size = try container.decode(UInt64.self, forKey: .size)
        installedSize = try container.decode(UInt64.self, forKey: .installedSize)
        summary = try container.decode(String.self, forKey: .summary)
        let label = try container.decode(String.self, forKey: .reason)
        let by = try container.decodeIfPresent(String.self, forKey: .requiredBy)
        let value = label.firstIndex(of: ":").map { String(label[label.index(after: $0)...]) } ?? ""
        switch (label.prefix { $0 != ":" }, by) {
        case ("requested", _): reason = .requested(spec: try container.decode(String.self, forKey: .spec))
        case ("group", _): reason = .group(id: value)
        case ("requires", let by?): reason = .requires(capability: value, by: by)
        case ("recommends", let by?): reason = .recommended(capability: value, by: by)
        default:
            throw DecodingError.dataCorruptedError(
                forKey: .reason, in: container, debugDescription: "\"\(label)\" is not a reason")
        }
    }
}
