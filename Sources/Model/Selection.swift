/// What a build chose beside single packages: comps groups, environments and module streams.
///
/// Package managers keep it in files of their own, which a build's root gets.
public struct Selection: Codable, Sendable, Hashable {
    /// How a comps group names a package. In the order in which members are written down.
    public enum MemberKind: String, Codable, CodingKeyRepresentable, Sendable, CaseIterable {
        case mandatory, `default`, optional, conditional
    }

    /// A comps group that was asked for, by itself or with an environment.
    public struct Group: Codable, Sendable, Hashable {
        public var id: String
        /// In no language.
        public var name: String
        /// All that the repositories say, chosen or not: names of packages, sorted.
        public var members: [MemberKind: [String]]

        public init(id: String, name: String, members: [MemberKind: [String]]) {
            self.id = id
            self.name = name
            self.members = members
        }
    }

    /// A comps environment that was asked for.
    public struct Environment: Codable, Sendable, Hashable {
        public var id: String
        /// In no language.
        public var name: String
        /// Ids of its groups, and of those that it offers.
        public var groups: [String]
        public var options: [String]

        public init(id: String, name: String, groups: [String], options: [String]) {
            self.id = id
            self.name = name
            self.groups = groups
            self.options = options
        }
    }

    /// A stream that was asked for, or whose packages the build holds.
    public struct Module: Codable, Sendable, Hashable {
        public var name: String
        public var stream: String
        /// Those that were asked for, now or before, sorted.
        public var profiles: [String]
        /// Names of packages that the profiles of this very request name, sorted.
        public var members: [String]

        public init(name: String, stream: String, profiles: [String], members: [String] = []) {
            self.name = name
            self.stream = stream
            self.profiles = profiles
            self.members = members
        }
    }

    /// Sorted by id.
    public var groups: [Group] = []
    public var environments: [Environment] = []
    /// Of the groups' members these were asked for.
    public var kinds: [MemberKind] = []
    /// Sorted by name.
    public var modules: [Module] = []

    public init() {}

    public var isEmpty: Bool { groups.isEmpty && environments.isEmpty && modules.isEmpty }
}

/// A tool that installs packages from repositories, by the files that it keeps of what it did.
public enum PackageManager: String, Codable, Sendable, CaseIterable {
    /// dnf 4: /var/lib/dnf/history.sqlite and /etc/dnf/modules.d. dnf 5 takes over what it finds there when it runs first.
    case dnf
    /// yum 3 of EL7: /var/lib/yum.
    case yum
}
