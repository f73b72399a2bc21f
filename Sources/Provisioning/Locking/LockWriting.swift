internal import Diagnostics
internal import Model
internal import System
public import SystemPackage

extension LockFile {
    /// The file's text: TOML in one fixed order, so that equal locks are equal texts and a review sees what changed.
    public var text: String {
        var out = TOMLText()
        out.comment("Exactly what a build installs. Made by \"provision lock\"; change it with \"provision lock --update\".")
        out.add("format", LockFile.format)
        out.add("request-digest", request.digest.description)
        out.table("request")
        out.add("kind", request.kind.rawValue)
        if let parent = request.parent {
            out.add("on", parent.name)
            out.add("on-digest", parent.digest.description)
        }
        out.add("release", request.release)
        out.add("releasever", request.releasever)
        out.add("arch", request.arch)
        out.add("packages", request.packages)
        out.add("groups", request.groups)
        out.add("with-optional", request.withOptional, unless: false)
        out.add("weak-deps", request.weakDependencies, unless: false)
        out.add("exclude", request.excludes)
        out.add("repo", request.addedRepositories)
        out.add("enable-repo", request.enabledRepositories)
        out.add("disable-repo", request.disabledRepositories)
        out.add("setopt", request.settings)
        out.add("gpgcheck", request.checksSignatures, unless: true)
        out.add("configuration", request.configuration.description)
        for repository in repositories {
            out.table("[repositories]")
            out.add("id", repository.id)
            out.add("urls", repository.urls)
            out.add("repomd", repository.repomd.description)
            out.add("revision", repository.revision)
            out.add("timestamp", repository.timestamp)
            out.add("keys", repository.keys)
        }
        for key in keys {
            out.table("[keys]")
            out.add("fingerprint", key.fingerprint)
            out.add("owner", key.owner)
            out.add("url", key.url)
            out.add("file", key.file)
        }
        for environment in selection.environments {
            out.table("[environments]")
            out.add("id", environment.id)
            out.add("name", environment.name)
            out.add("groups", environment.groups)
            out.add("options", environment.options)
        }
        for group in selection.groups {
            out.table("[groups]")
            out.add("id", group.id)
            out.add("name", group.name)
            out.add("kinds", selection.kinds.map(\.rawValue))
            for kind in Selection.MemberKind.allCases { out.add(kind.rawValue, group.members[kind] ?? []) }
        }
        for module in selection.modules {
            out.table("[modules]")
            out.add("name", module.name)
            out.add("stream", module.stream)
            out.add("profiles", module.profiles)
            out.add("members", module.members)
        }
        for package in packages {
            out.table("[packages]")
            out.add("nevra", package.nevra.description)
            out.add("repository", package.repository)
            out.add("location", package.location)
            out.add("base", package.locationBase)
            out.add("digest", package.checksum.description)
            out.add("size", package.size)
            out.add("installed-size", package.installedSize)
            out.add("reason", package.reason.label)
            if case .requested(let spec) = package.reason { out.add("spec", spec) }
            out.add("required-by", package.reason.requiredBy)
        }
        return out.text
    }

    /// Writes the file, whole or not at all.
    public func write(to path: FilePath) throws { try Files.write(text, to: path) }
}

/// Lines of TOML. Absent values and empty lists write nothing.
private struct TOMLText {
    private(set) var text = ""

    mutating func comment(_ words: String) { text += "# \(words)\n" }

    /// `request`, or `[repositories]` for one more of an array of tables.
    mutating func table(_ name: String) { text += "\n[\(name)]\n" }

    mutating func add(_ key: String, _ value: String?) {
        if let value { text += "\(key) = \(quoted(value))\n" }
    }

    mutating func add(_ key: String, _ value: some BinaryInteger) { text += "\(key) = \(value)\n" }

    mutating func add(_ key: String, _ value: Bool, unless usual: Bool) {
        if value != usual { text += "\(key) = \(value)\n" }
    }

    mutating func add(_ key: String, _ values: [String]) {
        if !values.isEmpty { text += "\(key) = [\(values.map(quoted).joined(separator: ", "))]\n" }
    }

    /// A basic string; what may not stand in one is escaped.
    private func quoted(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16, uppercase: true)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
