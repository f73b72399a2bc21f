/// One option of the yum.conf dialect. `Setting.all` is the only place that knows which options there are.
///
/// Sources: yum.conf(5) of yum 3.4.3 as in EL7, dnf.conf(5) of dnf 4 and of dnf 5.
public struct Setting: Sendable {
    /// The sections that may hold an option.
    public struct Sections: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        public static let main = Sections(rawValue: 1)
        public static let repository = Sections(rawValue: 2)
        public static let both: Sections = [.main, .repository]
    }

    public enum Meaning: Sendable {
        /// It decides something in a build.
        case used
        /// yum or dnf know it, but it has nothing to decide here: accepted, with a note.
        case accepted
    }

    public let name: String
    /// Other spellings of the same option.
    public let aliases: [String]
    public let sections: Sections
    public let meaning: Meaning
    /// What values it takes, for messages.
    public let allowed: String
    /// One line: what it decides, or why it decides nothing here.
    public let help: String
    /// A password, which is left out of a yum.conf that goes into a root.
    public let isSecret: Bool

    /// How a section's value is read into the configuration and written back.
    struct Access<Target>: Sendable {
        /// False where the text is not allowed.
        let set: @Sendable (inout Target, String) -> Bool
        let get: @Sendable (Target) -> String
    }

    let main: Access<MainConfiguration>?
    let repository: Access<RepositoryConfiguration>?
    /// Gives a repository what [main] says.
    let inherit: (@Sendable (inout RepositoryConfiguration, MainConfiguration) -> Void)?

    typealias Path<Root, Value> = any (WritableKeyPath<Root, Value> & Sendable)

    /// An option of [main] alone.
    static func main<Value: Equatable & SendableMetatype>(
        _ name: String, _ format: ValueFormat<Value>, _ path: Path<MainConfiguration, Value>, aliases: [String] = [],
        _ help: String
    ) -> Setting {
        Setting(
            name: name, aliases: aliases, sections: .main, meaning: .used, allowed: format.allowed, help: help,
            isSecret: false, main: access(path, format), repository: nil, inherit: nil)
    }

    /// An option of repositories alone.
    static func repository<Value: Equatable & SendableMetatype>(
        _ name: String, _ format: ValueFormat<Value>, _ path: Path<RepositoryConfiguration, Value>, _ help: String
    ) -> Setting {
        Setting(
            name: name, aliases: [], sections: .repository, meaning: .used, allowed: format.allowed, help: help,
            isSecret: false, main: nil, repository: access(path, format), inherit: nil)
    }

    /// An option of both. Repositories inherit it from [main], unless the two are added together.
    static func both<Value: Equatable & SendableMetatype>(
        _ name: String, _ format: ValueFormat<Value>, _ main: Path<MainConfiguration, Value>,
        _ repository: Path<RepositoryConfiguration, Value>, inherits: Bool = true, aliases: [String] = [],
        secret: Bool = false, _ help: String
    ) -> Setting {
        var inherit: (@Sendable (inout RepositoryConfiguration, MainConfiguration) -> Void)?
        if inherits { inherit = { $0[keyPath: repository] = $1[keyPath: main] } }
        return Setting(
            name: name, aliases: aliases, sections: .both, meaning: .used, allowed: format.allowed, help: help,
            isSecret: secret, main: access(main, format), repository: access(repository, format),
            inherit: inherit)
    }

    /// An option that must not ask for what can't be had; nothing is stored.
    static func refused(_ name: String, _ sections: Sections, _ format: ValueFormat<Bool>, _ help: String) -> Setting {
        Setting(
            name: name, aliases: [], sections: sections, meaning: .used, allowed: format.allowed, help: help, isSecret: false,
            main: sections.contains(.main) ? Access(set: { format.parse($1) != nil }, get: { _ in "0" }) : nil,
            repository: sections.contains(.repository) ? Access(set: { format.parse($1) != nil }, get: { _ in "0" }) : nil,
            inherit: nil)
    }

    /// An option that is known and means nothing here; its value isn't looked at.
    static func accepted(_ name: String, _ sections: Sections, _ help: String) -> Setting {
        Setting(
            name: name, aliases: [], sections: sections, meaning: .accepted, allowed: "any text", help: help,
            isSecret: false, main: nil, repository: nil, inherit: nil)
    }

    private static func access<Target, Value: Equatable>(
        _ path: Path<Target, Value>, _ format: ValueFormat<Value>
    ) -> Access<Target> {
        Access(
            set: { target, text in
                guard let value = format.parse(text) else { return false }
                target[keyPath: path] = value
                return true
            },
            get: { format.write($0[keyPath: path]) })
    }

    /// Every option: what is used, in the order in which a yum.conf is written, then what is accepted.
    public static let all: [Setting] = usedSettings + acceptedSettings

    private static let byName: [String: Setting] = Dictionary(
        uniqueKeysWithValues: all.flatMap { setting in ([setting.name] + setting.aliases).map { ($0, setting) } })

    /// The option of that name or alias, letter case ignored as yum does.
    public static func named(_ name: String) -> Setting? { byName[name.lowercased()] }

    /// Names and aliases of all options that a section may hold.
    static func names(in section: Sections) -> [String] {
        all.filter { $0.sections.contains(section) }.flatMap { [$0.name] + $0.aliases }
    }
}
