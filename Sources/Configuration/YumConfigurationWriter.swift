internal import Model

/// The yum.conf of a build: well-formed for yum and dnf, and read back by `YumConfigurationFile` to an equal configuration.
///
/// Variables are not expanded. A release and the keys' fingerprints, for which yum has no options, stand in comments that begin
/// with `# provision:`. Passwords are left out unless `includingSecrets`, since the file goes into the root and into the layer's
/// manifest; without them what is read back lacks them.
public func yumConfiguration(of build: BuildConfiguration, includingSecrets: Bool = false) -> String {
    YumConfigurationWriter(build: build, includingSecrets: includingSecrets).text
}

private struct YumConfigurationWriter {
    let build: BuildConfiguration
    let includingSecrets: Bool

    /// Settings of [main] that stand there even with their default, because yum's or dnf's default differs or to be seen.
    private static let alwaysWritten: Set<String> = [
        "gpgcheck", "repo_gpgcheck", "exactarch", "obsoletes", "best", "install_weak_deps", "multilib_policy",
    ]

    var text: String {
        var lines = [
            "# yum.conf of \"\(build.title)\", written by provision for a build.",
            "# yum and dnf read it, and so does provision with -c. Lines that begin with \"\(Directive.prefix)\"",
            "# are comments to yum and dnf; provision reads them back.",
            "",
            "[main]",
        ]
        if build.releaseID != BuildConfiguration.customID {
            lines.append("\(Directive.prefix) release \(build.releaseID)")
        }
        lines += mainSettings
        for repository in build.repositories {
            lines += ["", "[\(repository.id)]"] + settings(of: repository) + fingerprints(of: repository)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var mainSettings: [String] {
        let standard = MainConfiguration()
        return Setting.usedSettings.compactMap { setting in
            guard let access = setting.main else { return nil }
            let value = access.get(build.main)
            guard Self.alwaysWritten.contains(setting.name) || value != access.get(standard) else { return nil }
            return line(setting, value)
        }
    }

    private func settings(of repository: RepositoryConfiguration) -> [String] {
        let inherited = RepositoryConfiguration(id: repository.id, inheriting: build.main)
        return Setting.usedSettings.compactMap { setting in
            guard let access = setting.repository else { return nil }
            let value = access.get(repository)
            guard repository.stated.contains(setting.name) || value != access.get(inherited) else { return nil }
            return line(setting, value)
        }
    }

    private func fingerprints(of repository: RepositoryConfiguration) -> [String] {
        repository.keys.compactMap { key in
            guard let fingerprint = key.fingerprint else { return nil }
            return ([Directive.prefix, "fingerprint", fingerprint, key.url] + (key.fileName.map { [$0] } ?? []))
                .joined(separator: " ")
        }
    }

    private func line(_ setting: Setting, _ value: String) -> String {
        if setting.isSecret, !includingSecrets { return "# \(setting.name) is left out" }
        return "\(setting.name)=\(includingSecrets ? value : withoutPasswords(value))"
    }

    /// Takes the password out of `scheme://user:password@host` URLs.
    private func withoutPasswords(_ value: String) -> String {
        value.split(separator: "\n", omittingEmptySubsequences: false).map { part in
            guard let scheme = part.firstRange(of: "://") else { return String(part) }
            let authority = part[scheme.upperBound...].prefix { $0 != "/" }
            guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
                return String(part)
            }
            return String(part[..<colon] + part[at...])
        }.joined(separator: "\n")
    }
}
