internal import Configuration
public import Diagnostics
internal import Glibc

/// What a repository's comps.xml says of groups of packages (the format of Fedora's and EL's installers).
public struct Comps: Sendable, Hashable {
    /// A text with its translations.
    public struct Text: Sendable, Hashable {
        public var text = ""
        /// By language, as `xml:lang` gives it.
        public var translations: [String: String] = [:]
    }

    /// What people ask for by id, name or a pattern of either.
    public protocol Named {
        var id: String { get }
        var name: Text { get }
    }

    /// A package that a group names.
    public struct Member: Sendable, Hashable {
        public enum Kind: String, Sendable { case mandatory, `default`, optional, conditional }

        public var name: String
        public var kind: Kind
        /// For a conditional one: the package whose presence asks for it.
        public var requires: String?
        /// Only for the base architecture, not for multilib's second one.
        public var isBaseArchitectureOnly: Bool
    }

    public struct Group: Sendable, Hashable, Named {
        public var id = ""
        public var name = Text()
        public var description = Text()
        public var isVisible = true
        public var isDefault = false
        /// The language that it is for, if it is for one only.
        public var language: String?
        public var displayOrder: Int?
        public var members: [Member] = []
    }

    /// A group that an environment offers.
    public struct Option: Sendable, Hashable {
        public var groupID: String
        public var isDefault: Bool
    }

    public struct Environment: Sendable, Hashable, Named {
        public var id = ""
        public var name = Text()
        public var description = Text()
        public var displayOrder: Int?
        public var groupIDs: [String] = []
        public var options: [Option] = []
    }

    public struct Category: Sendable, Hashable {
        public var id = ""
        public var name = Text()
        public var description = Text()
        public var displayOrder: Int?
        public var groupIDs: [String] = []
    }

    public var groups: [Group] = []
    public var environments: [Environment] = []
    public var categories: [Category] = []
    /// Names of packages, and what their language packs are called: `libreoffice`, `libreoffice-langpack-%s`.
    public var langpacks: [String: String] = [:]

    public init() {}

    /// The groups of all repositories whose groups count, those of the same id as one.
    public init(of snapshots: [RepositorySnapshot]) throws(ProvisionError) {
        self.init()
        for snapshot in snapshots where snapshot.configuration.enablesGroups { merge(try Comps(of: snapshot)) }
    }

    /// Reads a snapshot's comps file, packed or not.
    ///
    /// - Throws: `.failed` or `.verification`, naming the repository, where it can't be read.
    public init(of snapshot: RepositorySnapshot) throws(ProvisionError) {
        guard let file = snapshot.comps else {
            self.init()
            return
        }
        try file.verify(as: "comps file of repository \"\(snapshot.id)\"")
        let source = "the comps file of repository \"\(snapshot.id)\""
        try self.init(
            parsing: try Decompression.read(file.path, limit: file.limit(Comps.limit), source: source), source: source)
    }

    /// Bytes of comps.xml at most, unpacked; Fedora's has 2 MB.
    static let limit = 64 << 20

    /// - Parameter source: what messages call the document.
    public init(parsing document: [UInt8], source: String) throws(ProvisionError) {
        let visitor = CompsVisitor()
        try XMLReader.read(document, source: source, into: visitor)
        guard visitor.sawComps else { throw ProvisionError(.failed, "\(source) is not a comps file") }
        self = visitor.comps
    }

    public func group(_ id: String) -> Group? { groups.first { $0.id == id } }

    public func environment(_ id: String) -> Environment? { environments.first { $0.id == id } }

    /// Adds what a later repository says: of what both have, the later one's word counts and the earlier one's rest stays, as
    /// libcomps unites documents for dnf.
    public mutating func merge(_ other: Comps) {
        for group in other.groups {
            if let place = groups.firstIndex(where: { $0.id == group.id }) {
                groups[place].adopt(group)
            } else {
                groups.append(group)
            }
        }
        for environment in other.environments {
            if let place = environments.firstIndex(where: { $0.id == environment.id }) {
                environments[place].adopt(environment)
            } else {
                environments.append(environment)
            }
        }
        for category in other.categories where !categories.contains(where: { $0.id == category.id }) {
            categories.append(category)
        }
        langpacks.merge(other.langpacks) { ours, _ in ours }
    }
}

extension Comps.Group {
    fileprivate mutating func adopt(_ later: Comps.Group) {
        let named = Dictionary(later.members.map { ($0.name, $0) }) { first, _ in first }
        let known = Set(members.map(\.name))
        var united = later
        united.members = members.map { named[$0.name] ?? $0 } + later.members.filter { !known.contains($0.name) }
        self = united
    }
}

extension Comps.Environment {
    fileprivate mutating func adopt(_ later: Comps.Environment) {
        let named = Dictionary(later.options.map { ($0.groupID, $0) }) { first, _ in first }
        let known = Set(options.map(\.groupID))
        var united = later
        united.groupIDs = groupIDs + later.groupIDs.filter { !groupIDs.contains($0) }
        united.options = options.map { named[$0.groupID] ?? $0 } + later.options.filter { !known.contains($0.groupID) }
        self = united
    }
}

extension Array where Element: Comps.Named {
    /// Those with this id or name; where there is none, those whose id or name the word is a pattern of, in any case.
    ///
    /// Source: dnf4's `comps._by_pattern`.
    public func named(_ word: String) -> [Element] {
        let exact = filter { $0.id == word || $0.name.text == word }
        if !exact.isEmpty { return exact }
        let pattern = word.lowercased()
        return filter { element in [element.id, element.name.text].contains { fnmatch(pattern, $0.lowercased(), 0) == 0 } }
    }
}
