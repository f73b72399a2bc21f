import Model

/// One set of repositories and the requests put to it, as a file in Fixtures describes it.
struct Fixture: Sendable {
    struct Package: Sendable {
        var nevra: NEVRA
        /// `Requires: foo >= 1`: lines of a spec, as they are.
        var tags: [String] = []
        var files: [String] = []
    }

    struct Group: Sendable {
        var id: String
        /// `packagereq` elements.
        var members: [String] = []
    }

    struct Environment: Sendable {
        var id: String
        var groups: [String] = []
        /// Optional groups, with whether they are chosen by default.
        var options: [(id: String, isDefault: Bool)] = []
    }

    struct Repository: Sendable {
        var id: String
        /// Lines of its section in the yum.conf.
        var options: [String] = []
        var packages: [Package] = []
        var groups: [Group] = []
        var environments: [Environment] = []
        /// Documents of modules.yaml, as they are.
        var modules: [String] = []
    }

    var name: String
    /// Lines of [main].
    var options: [String] = []
    var repositories: [Repository] = []
    /// What the root holds already: NEVRAs of packages in the repositories.
    var installed: [NEVRA] = []
    /// Beside those that every fixture is asked for.
    var requests: [[String]] = []
    /// Requests that provision answers otherwise than dnf on purpose, and why.
    var differences: [[String]: String] = [:]

    var isModular: Bool { repositories.contains { !$0.modules.isEmpty } }

    /// Everything that is asked for: each package by name, by name and architecture and by NEVRA, what packages provide, each
    /// group, and the fixture's own requests.
    var allRequests: [[String]] {
        var words: [String] = []
        for repository in repositories {
            for package in repository.packages {
                let nevra = package.nevra
                words += [nevra.name, "\(nevra.name).\(nevra.arch)", nevra.description]
                words += package.tags.filter { $0.hasPrefix("Provides: ") }.map { String($0.dropFirst(10)) }
                words += package.files
            }
            words += repository.groups.map { "@\($0.id)" } + repository.environments.map { "@\($0.id)" }
        }
        var seen: Set<[String]> = []
        return (words.map { [$0] } + requests).filter { seen.insert($0).inserted }
    }
}
