internal import Configuration
public import Diagnostics
internal import Model
internal import System
public import SystemPackage

extension LockFile {
    /// Bytes that a lock may have: ten thousand packages take five million.
    private static let limit = 64 << 20

    /// - Throws: `.notFound` where there is no such file; `.configuration` with file and line for what isn't a lock, and for one
    ///   of a newer format.
    public init(reading path: FilePath) throws(ProvisionError) {
        guard let bytes = try Files.readIfPresent(path, limit: Self.limit) else {
            throw ProvisionError(
                .notFound, "there is no lock \"\(path)\"", hint: "make one with: provision lock base|app … -o \(path)")
        }
        try self.init(parsing: String(decoding: bytes, as: UTF8.self), path: path.string)
    }

    /// - Parameter path: what messages call the text.
    init(parsing text: String, path: String) throws(ProvisionError) {
        let document = try StrictDocument(parsing: text, path: path)
        let root = try document.root(keys: [
            "format", "request-digest", "request", "repositories", "keys", "environments", "groups", "modules", "packages",
        ])
        guard let format = try root.integer("format", in: 1...Int.max) else { throw root.error("this is not a lock file") }
        guard format <= Self.format else {
            throw root.error(
                "a lock of format \(format); this program knows formats up to \(Self.format)", at: "format",
                hint: "use the version of provision that made it, or a newer one")
        }
        guard let requestTable = try root.table("request", keys: LockRequest.keys) else {
            throw root.error("the table [request] is missing")
        }
        let request = try LockRequest(requestTable)
        guard try root.string("request-digest") == request.digest.description else {
            throw root.error(
                "the request was changed by hand: it has the digest \(request.digest)", at: "request-digest",
                hint: "make the lock again with: provision lock")
        }
        self.init(
            request: request,
            repositories: try root.each("repositories", ["id", "urls", "repomd", "revision", "timestamp", "keys"]) {
                table throws(ProvisionError) in try Repository(table)
            },
            keys: try root.each("keys", ["fingerprint", "owner", "url", "file"]) { table throws(ProvisionError) in
                Key(
                    fingerprint: try table.string("fingerprint"), owner: try table.optionalString("owner") ?? "",
                    url: try table.string("url"), file: try table.optionalString("file"))
            },
            packages: try root.each("packages", PlannedPackage.lockKeys) { table throws(ProvisionError) in
                try PlannedPackage(locked: table)
            }, selection: try Selection(locked: root))
    }
}

extension LockRequest {
    static let keys = [
        "kind", "on", "on-digest", "release", "releasever", "arch", "packages", "groups", "with-optional", "weak-deps",
        "exclude",
        "repo", "enable-repo", "disable-repo", "setopt", "gpgcheck", "configuration",
    ]

    init(_ table: StrictTable) throws(ProvisionError) {
        kind = LayerManifest.Kind(rawValue: try table.choice("kind", among: ["base", "app"])) ?? .base
        if let on = try table.optionalString("on") {
            parent = LayerManifest.Parent(name: on, digest: try table.digest("on-digest"))
        }
        release = try table.string("release")
        releasever = try table.optionalString("releasever")
        arch = try table.string("arch")
        packages = try table.optionalStrings("packages") ?? []
        groups = try table.optionalStrings("groups") ?? []
        withOptional = try table.boolean("with-optional", default: false)
        weakDependencies = try table.boolean("weak-deps", default: false)
        excludes = try table.optionalStrings("exclude") ?? []
        addedRepositories = try table.optionalStrings("repo") ?? []
        enabledRepositories = try table.optionalStrings("enable-repo") ?? []
        disabledRepositories = try table.optionalStrings("disable-repo") ?? []
        settings = try table.optionalStrings("setopt") ?? []
        checksSignatures = try table.boolean("gpgcheck", default: true)
        configuration = try table.digest("configuration")
    }
}

extension LockFile.Repository {
    fileprivate init(_ table: StrictTable) throws(ProvisionError) {
        id = try table.string("id")
        urls = try table.strings("urls")
        repomd = try table.digest("repomd")
        revision = try table.optionalString("revision")
        timestamp = try table.count("timestamp")
        keys = try table.optionalStrings("keys") ?? []
    }
}

extension Selection {
    fileprivate init(locked root: StrictTable) throws(ProvisionError) {
        self.init()
        environments = try root.each("environments", ["id", "name", "groups", "options"]) { table throws(ProvisionError) in
            Environment(
                id: try table.string("id"), name: try table.optionalString("name") ?? "",
                groups: try table.optionalStrings("groups") ?? [], options: try table.optionalStrings("options") ?? [])
        }
        groups = try root.each("groups", ["id", "name", "kinds"] + MemberKind.allCases.map(\.rawValue)) {
            table throws(ProvisionError) in
            var members: [MemberKind: [String]] = [:]
            for kind in MemberKind.allCases { members[kind] = try table.optionalStrings(kind.rawValue) }
            kinds = try table.optionalStrings("kinds").map { $0.compactMap(MemberKind.init) } ?? []
            return Group(id: try table.string("id"), name: try table.optionalString("name") ?? "", members: members)
        }
        modules = try root.each("modules", ["name", "stream", "profiles", "members"]) { table throws(ProvisionError) in
            Module(
                name: try table.string("name"), stream: try table.string("stream"),
                profiles: try table.optionalStrings("profiles") ?? [],
                members: try table.optionalStrings("members") ?? [])
        }
    }
}

extension PlannedPackage {
    fileprivate static let lockKeys = [
        "nevra", "repository", "location", "base", "digest", "size", "installed-size", "reason", "spec", "required-by",
    ]

    fileprivate init(locked table: StrictTable) throws(ProvisionError) {
        let text = try table.string("nevra")
        guard let nevra = NEVRA(text) else {
            throw table.error("\"\(text)\" is not a package", at: "nevra", hint: "name-[epoch:]version-release.arch")
        }
        self.init(
            nevra: nevra, repository: try table.string("repository"), location: try table.string("location"),
            locationBase: try table.optionalString("base"), checksum: try table.digest("digest"),
            size: try table.count("size"), installedSize: try table.count("installed-size"),
            reason: try Reason(locked: table))
    }
}

extension Reason {
    fileprivate init(locked table: StrictTable) throws(ProvisionError) {
        let label = try table.string("reason")
        let value = label.firstIndex(of: ":").map { String(label[label.index(after: $0)...]) } ?? ""
        switch label.prefix(while: { $0 != ":" }) {
        case "requested": self = .requested(spec: try table.string("spec"))
        case "group": self = .group(id: value)
        case "requires": self = .requires(capability: value, by: try table.string("required-by"))
        case "recommends": self = .recommended(capability: value, by: try table.string("required-by"))
        default: throw table.error("\"\(label)\" is not a reason", at: "reason")
        }
    }
}

extension StrictTable {
    fileprivate func digest(_ key: String) throws(ProvisionError) -> ContentDigest {
        let text = try string(key)
        guard let digest = ContentDigest(text) else {
            throw error("\"\(text)\" is not a digest", at: key, hint: "sha256:…")
        }
        return digest
    }

    fileprivate func count(_ key: String) throws(ProvisionError) -> UInt64 {
        guard let number = try integer(key, in: 0...Int.max) else { throw error("the key \"\(key)\" is missing", at: key) }
        return UInt64(number)
    }

    fileprivate func each<Value>(
        _ key: String, _ keys: [String], _ make: (StrictTable) throws(ProvisionError) -> Value
    ) throws(ProvisionError) -> [Value] {
        var values: [Value] = []
        for table in try tables(key, keys: keys) { values.append(try make(table)) }
        return values
    }
}
