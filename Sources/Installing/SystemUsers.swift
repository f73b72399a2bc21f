internal import CRpm
internal import Diagnostics
internal import FoundationEssentials
internal import System

/// A user, a group or a membership that a package declares, as a line of sysusers.d(5).
enum SystemUser: Equatable, Sendable {
    /// `id` and `group` are nil where the next free number will do. A group that is a name must exist.
    case user(name: String, id: UInt32?, group: Group?, description: String, home: String, shell: String)
    case group(name: String, id: UInt32?)
    case membership(user: String, group: String)

    enum Group: Equatable, Sendable {
        case id(UInt32)
        case name(String)
    }

    /// nil for a line that says nothing of this kind: a comment, a range of numbers, or a number taken from a file's owner, which
    /// is free then.
    init?(line: String) {
        let fields = SystemUser.fields(of: line)
        guard fields.count >= 2 else { return nil }
        func field(_ index: Int) -> String? {
            guard index < fields.count else { return nil }
            return ["", "-"].contains(fields[index]) ? nil : fields[index]
        }
        let isName = { (name: String) -> Bool in
            !name.isEmpty && !name.contains { $0.isWhitespace || $0 == ":" || $0 == "," }
        }
        guard isName(fields[1]) else { return nil }
        switch fields[0] {
        case "u", "u!":
            let numbers = (field(2) ?? "").split(separator: ":", maxSplits: 1).map(String.init)
            var group: Group?
            if numbers.count == 2 { group = UInt32(numbers[1]).map { .id($0) } ?? .name(numbers[1]) }
            self = .user(
                name: fields[1], id: numbers.first.flatMap { UInt32($0) }, group: group, description: field(3) ?? "",
                home: field(4) ?? "/", shell: field(5) ?? "/usr/sbin/nologin")
        case "g": self = .group(name: fields[1], id: field(2).flatMap { UInt32($0) })
        case "m":
            guard let group = field(2), isName(group) else { return nil }
            self = .membership(user: fields[1], group: group)
        default: return nil
        }
    }

    /// Split at blanks outside of quotes.
    private static func fields(of line: String) -> [String] {
        var fields: [String] = []
        var current: String?
        var quote: Character?
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { current = (current ?? "") + String(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                current = current ?? ""
            } else if character.isWhitespace {
                if let word = current { fields.append(word) }
                current = nil
            } else {
                current = (current ?? "") + String(character)
            }
        }
        if let word = current { fields.append(word) }
        return fields
    }

    /// What a package of rpm 4.19 or newer declares: provides of `user(NAME)`, `group(NAME)` and `groupmember(USER/GROUP)` whose
    /// version is the line in base64. See rpm-sysusers(7).
    static func declared(by header: OpaquePointer) -> [SystemUser] {
        RpmHeader(header).provides.compactMap { name, version in
            guard !version.isEmpty, ["user(", "group(", "groupmember("].contains(where: name.hasPrefix) else { return nil }
            let missing = (4 - version.utf8.count % 4) % 4
            let padded = version + String(repeating: "=", count: missing)
            return Data(base64Encoded: padded).flatMap { SystemUser(line: String(decoding: $0, as: UTF8.self)) }
        }
    }
}

/// Makes the users and groups that packages declare in a root's own files, before rpm lays files that belong to them.
///
/// rpm 4.19 and newer have systemd-sysusers do that; this host's librpm may be older, and no program of the host's runs in the root.
final class SystemUserFiles {
    private let root: RootedDirectory

    init(root: consuming RootedDirectory) { self.root = root }

    /// Those that are there already stay as they are. Numbers that nobody asked for are given out from 999 downwards, as
    /// systemd-sysusers(8) does it.
    ///
    /// - Throws: `.failed` where the files can't be written.
    func add(_ declared: [SystemUser]) throws(ProvisionError) {
        var groups = try Table(root.readText("/etc/group"))
        var users = try Table(root.readText("/etc/passwd"))
        var secrets = try Table(root.readText("/etc/shadow"))
        var groupSecrets = try Table(root.readText("/etc/gshadow"))
        let hadSecrets = (try root.status("/etc/shadow") != nil, try root.status("/etc/gshadow") != nil)
        func addGroup(_ name: String, _ id: UInt32?) -> UInt32 {
            if let there = groups.id(of: name) { return there }
            let chosen = unused(id, groups.ids) ?? free(groups.ids.union(users.ids))
            groups.append([name, "x", String(chosen), ""])
            if hadSecrets.1 { groupSecrets.append([name, "!*", "", ""]) }
            return chosen
        }
        for case .group(let name, let id) in declared { _ = addGroup(name, id) }
        for case .user(let name, let id, let group, let description, let home, let shell) in declared
        where users.id(of: name) == nil {
            // The number of a group of its name, so that both have one.
            let namesake = unused(groups.id(of: name), users.ids)
            let chosen = unused(id, users.ids) ?? namesake ?? free(groups.ids.union(users.ids))
            let groupID: UInt32
            switch group {
            case .id(let number): groupID = number
            case .name(let other): groupID = addGroup(other, nil)
            case nil: groupID = addGroup(name, chosen)
            }
            users.append([name, "x", String(chosen), String(groupID), description, home, shell])
            if hadSecrets.0 { secrets.append([name, "!*", "", "", "", "", "", "", ""]) }
        }
        for case .membership(let user, let group) in declared {
            _ = addGroup(group, nil)
            groups.addMember(user, of: group)
            if hadSecrets.1 { groupSecrets.addMember(user, of: group) }
        }
        try write(groups, "/etc/group", 0o644)
        try write(users, "/etc/passwd", 0o644)
        try write(secrets, "/etc/shadow", 0)
        try write(groupSecrets, "/etc/gshadow", 0)
    }

    private func unused(_ id: UInt32?, _ taken: Set<UInt32>) -> UInt32? {
        guard let id, !taken.contains(id) else { return nil }
        return id
    }

    private func free(_ taken: Set<UInt32>) -> UInt32 {
        var id: UInt32 = 999
        while id > 0, taken.contains(id) { id -= 1 }
        if id > 0 { return id }
        id = 1000
        while taken.contains(id) { id += 1 }
        return id
    }

    private func write(_ table: Table, _ path: String, _ mode: UInt32) throws(ProvisionError) {
        if table.isChanged { try root.write(path, Array(table.text.utf8), mode: try root.status(path) == nil ? mode : nil) }
    }

    /// A file of lines of fields with colons between; the first is a name.
    private struct Table {
        private var lines: [[String]]
        private(set) var isChanged = false

        init(_ text: String?) {
            lines = (text ?? "").split(separator: "\n").map {
                $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            }
        }

        var text: String { lines.map { $0.joined(separator: ":") + "\n" }.joined() }
        /// Of passwd and group.
        var ids: Set<UInt32> { Set(lines.compactMap { $0.count > 2 ? UInt32($0[2]) : nil }) }

        func id(of name: String) -> UInt32? { lines.first { $0[0] == name && $0.count > 2 }.flatMap { UInt32($0[2]) } }

        mutating func append(_ line: [String]) {
            // Above the line that stands for other sources of users (nss_compat).
            let place = lines.firstIndex { $0[0].hasPrefix("+") || $0[0].hasPrefix("-") } ?? lines.count
            lines.insert(line, at: place)
            isChanged = true
        }

        /// Of group and gshadow, whose fourth field is a list of members.
        mutating func addMember(_ user: String, of group: String) {
            guard let place = lines.firstIndex(where: { $0[0] == group && $0.count > 3 }) else { return }
            let members = lines[place][3].split(separator: ",").map(String.init)
            if members.contains(user) { return }
            lines[place][3] = (members + [user]).joined(separator: ",")
            isChanged = true
        }
    }
}
