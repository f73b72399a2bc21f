internal import Model

extension BuildConfiguration {
    /// A canonical text of all here that decides a build's result, for the digest of a request.
    ///
    /// One `key=value` a line in a fixed order: the system, [main], and each enabled repository as it is asked (URLs, checks, keys,
    /// choice and filters). Not in it: how files are fetched, how long metadata is good, names for people, disabled repositories,
    /// and what the request adds itself (packages, patches, the repositories' repomd digests).
    public var fingerprint: String { fingerprint(withLocations: true) }

    /// The same without the repositories' URLs: equal for two builds that ask the same of different mirrors.
    public var fingerprintWithoutLocations: String { fingerprint(withLocations: false) }

    private func fingerprint(withLocations: Bool) -> String {
        var lines = [
            "release=\(releaseID)", "releasever=\(releasever ?? "")", "basearch=\(architecture.basearch)",
            "rpmdb=\(database.path) \(database.backend)", "exactarch=\(main.exactarch)", "obsoletes=\(main.obsoletes)",
            "best=\(main.best)", "strict=\(main.strict)", "weak=\(main.installWeakDeps)",
            "multilib=\(main.multilibPolicy.rawValue)",
            "installonly=\(main.installOnlyPackages.sorted().joined(separator: " "))",
            "groups=\(main.groupPackageTypes.sorted().joined(separator: " "))",
            "tsflags=\(main.transactionFlags.map(\.rawValue).sorted().joined(separator: " "))",
            "languages=\(main.languages.sorted().joined(separator: " "))",
            "exclude=\(main.excludePackages.sorted().joined(separator: " "))",
            "include=\(main.includePackages.sorted().joined(separator: " "))",
        ]
        // Only where it isn't as always: locks of before hold.
        if !main.recordsHistory { lines.append("history=false") }
        if main.skipsBroken { lines.append("skip_broken=true") }
        if !main.weakExcludes.isEmpty { lines.append("weak_exclude=\(main.weakExcludes.sorted().joined(separator: " "))") }
        if !main.disabledExcludes.isEmpty {
            lines.append("disable_excludes=\(main.disabledExcludes.sorted().joined(separator: " "))")
        }
        for repository in repositories where repository.enabled {
            let expanded = expanded(repository)
            lines.append("repo=\(expanded.id)")
            if withLocations {
                lines += [
                    "baseurl=\(expanded.baseURLs.joined(separator: " "))", "metalink=\(expanded.metalink ?? "")",
                    "mirrorlist=\(expanded.mirrorlist ?? "")",
                ]
            }
            lines += [
                "gpgcheck=\(expanded.gpgcheck)", "repo_gpgcheck=\(expanded.repoGPGCheck)",
                "keys=\(expanded.keys.map { $0.fingerprint ?? $0.url }.joined(separator: " "))",
                "priority=\(expanded.priority)", "cost=\(expanded.cost)", "hotfixes=\(expanded.moduleHotfixes)",
                "skip=\(expanded.skipIfUnavailable)",
                "exclude=\(expanded.excludePackages.sorted().joined(separator: " "))",
                "include=\(expanded.includePackages.sorted().joined(separator: " "))",
            ]
            if !expanded.enablesGroups { lines.append("groups=false") }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
