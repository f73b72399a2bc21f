internal import Configuration
internal import Diagnostics
internal import Layers
public import Model
internal import System

/// What a lock was asked for, in words, so that another request is recognised and the same one can be made again.
public struct LockRequest: Encodable, Sendable, Equatable {
    public var kind: LayerManifest.Kind
    /// The layer that an app stands on.
    public var parent: LayerManifest.Parent?
    public var release: String
    /// Where `--releasever` said it.
    public var releasever: String?
    /// yum's name of the architecture.
    public var arch: String
    /// Sorted; the release's base set where nothing was asked for.
    public var packages: [String]
    public var groups: [String]
    public var withOptional: Bool
    public var weakDependencies: Bool
    public var excludes: [String]
    public var addedRepositories: [String]
    public var enabledRepositories: [String]
    public var disabledRepositories: [String]
    /// `KEY=VALUE`; only those that decide about packages, so neither URLs nor passwords.
    public var settings: [String]
    public var checksSignatures: Bool
    /// Over the configuration without the repositories' URLs: another mirror is no other request.
    public var configuration: ContentDigest

    /// Over all that decides which packages are chosen, whatever the repositories hold at the time.
    public var digest: ContentDigest {
        let lines =
            [
                "provision request 1", kind.rawValue, parent?.digest.description ?? "", "optional \(withOptional)",
                "weak \(weakDependencies)", "configuration \(configuration)",
            ] + packages.map { "package \($0)" } + groups.map { "group \($0)" } + excludes.map { "exclude \($0)" }
        return sha256(of: lines.joined(separator: "\n"))
    }
}

extension LockRequest {
    init(_ request: BuildRequest, _ configuration: BuildConfiguration, parent: Layer?) {
        kind = parent == nil ? .base : .app
        self.parent = parent.map { LayerManifest.Parent(name: $0.name, digest: $0.digest) }
        release = configuration.releaseID
        releasever = request.releaseVersion
        arch = configuration.architecture.basearch
        packages = request.specs(for: configuration, parent: parent).map(withoutUser).sorted().uniqued { $0 }
        groups = request.groups.sorted().uniqued { $0 }
        withOptional = request.withOptional
        weakDependencies = request.weakDependencies
        excludes = request.excludes.sorted().uniqued { $0 }
        addedRepositories = request.addedRepositories.map(withoutUser)
        enabledRepositories = request.enabledRepositories
        disabledRepositories = request.disabledRepositories
        settings = request.settings.filter(decidesPackages)
        checksSignatures = request.checksSignatures
        self.configuration = sha256(of: configuration.fingerprintWithoutLocations)
    }

    /// The request that a build from the lock stands for.
    ///
    /// Without packages and groups of its own a build is for the lock's, with the lock's choice of repositories; options
    /// that are given come on top. With some it must ask for the same as the lock did, which `LockFile.check` finds out.
    func completing(_ asked: BuildRequest) -> BuildRequest {
        var request = asked
        if kind == .base, request.release == nil, request.yumConfiguration == nil, release != BuildConfiguration.customID {
            request.release = release
        }
        guard asked.specs.isEmpty, asked.groups.isEmpty else { return request }
        request.specs = packages
        request.groups = groups
        request.withOptional = asked.withOptional || withOptional
        request.weakDependencies = asked.weakDependencies || weakDependencies
        request.excludes += excludes.filter { !request.excludes.contains($0) }
        let given = Set(asked.addedRepositories.map { $0.prefix { $0 != "=" } })
        request.addedRepositories += addedRepositories.filter { !given.contains($0.prefix { $0 != "=" }) }
        request.enabledRepositories += enabledRepositories.filter { !asked.enabledRepositories.contains($0) }
        request.disabledRepositories += disabledRepositories.filter { !asked.disabledRepositories.contains($0) }
        request.settings = settings.filter { !asked.settings.contains($0) } + asked.settings
        request.releaseVersion = asked.releaseVersion ?? releasever
        // Only where it isn't this host's anyway, so that the configuration is the same text as without a lock.
        if request.architecture == nil, arch != Architecture.host.basearch { request.architecture = arch }
        request.checksSignatures = asked.checksSignatures && checksSignatures
        return request
    }

    /// One thing that two requests ask for differently, in words.
    struct Difference {
        var what: String
        var old: String
        var new: String
    }

    /// How another request differs; empty where it asks for the same.
    func differences(from other: LockRequest) -> [Difference] {
        guard digest != other.digest else { return [] }
        var found: [Difference] = []
        func compare<Value: Equatable>(_ what: String, _ ours: Value, _ theirs: Value, _ show: (Value) -> String) {
            if ours != theirs { found.append(Difference(what: what, old: show(ours), new: show(theirs))) }
        }
        func listed(_ list: [String]) -> String { list.isEmpty ? "none" : list.joined(separator: " ") }
        compare("kind", kind, other.kind) { $0.rawValue }
        compare("parent", parent?.digest, other.parent?.digest) { digest in
            guard let digest else { return "none" }
            let name = digest == parent?.digest ? parent?.name : other.parent?.name
            return "\(name ?? "") (\(digest.short))"
        }
        compare("release", release, other.release) { $0 }
        compare("releasever", releasever, other.releasever) { $0 ?? "none" }
        compare("architecture", arch, other.arch) { $0 }
        compare("packages", packages, other.packages, listed)
        compare("groups", groups, other.groups, listed)
        compare("optional packages", withOptional, other.withOptional) { $0 ? "on" : "off" }
        compare("weak dependencies", weakDependencies, other.weakDependencies) { $0 ? "on" : "off" }
        compare("excludes", excludes, other.excludes, listed)
        if configuration != other.configuration {
            compare("added repositories", addedRepositories, other.addedRepositories, listed)
            compare("enabled repositories", enabledRepositories, other.enabledRepositories, listed)
            compare("disabled repositories", disabledRepositories, other.disabledRepositories, listed)
            compare("settings", settings, other.settings, listed)
            compare("signature checks", checksSignatures, other.checksSignatures) { $0 ? "on" : "off" }
        }
        guard found.isEmpty else { return found }
        return [
            Difference(
                what: "configuration of \"\(release)\", or its keys, checks or priorities", old: configuration.short,
                new: other.configuration.short)
        ]
    }
}

extension BuildRequest {
    /// What is installed: the release's base set where nothing was asked for.
    func specs(for configuration: BuildConfiguration, parent: Layer?) -> [String] {
        specs.isEmpty && groups.isEmpty && parent == nil ? configuration.baseSpecs : specs
    }
}

/// Settings of `--setopt` that change which packages are chosen or trusted, under all their names.
private let decidingSettings: Set<String> = [
    "enabled", "gpgcheck", "pkg_gpgcheck", "repo_gpgcheck", "releasever", "basearch", "arch", "exactarch", "obsoletes", "best",
    "strict", "skip_broken", "exclude_from_weak", "disable_excludes", "enablegroups",
    "install_weak_deps", "multilib_policy", "installonlypkgs", "group_package_types", "tsflags", "override_install_langs",
    "excludepkgs", "exclude", "includepkgs", "priority", "cost", "module_hotfixes", "skip_if_unavailable",
]

private func decidesPackages(_ setting: String) -> Bool {
    let key = setting.prefix { $0 != "=" }
    return decidingSettings.contains(String(key.split(separator: ".").last ?? key))
}

/// `ID=URL` or a URL without `user:password@`.
public func withoutUser(_ text: String) -> String {
    guard let scheme = text.firstRange(of: "://") else { return text }
    let authority = text[scheme.upperBound...].prefix { $0 != "/" }
    guard let at = authority.lastIndex(of: "@") else { return text }
    return String(text[..<scheme.upperBound] + text[text.index(after: at)...])
}
