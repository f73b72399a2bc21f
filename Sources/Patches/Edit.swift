internal import Configuration
internal import Diagnostics

/// One step of a patch.
struct Edit: Sendable, Equatable {
    enum Action: Sendable, Equatable {
        /// Takes away the lines of the files that the pattern is found in.
        case deleteLines(paths: [String], matching: Pattern)
        /// Replaces what the pattern finds, line by line; `\1` to `\9` in the template are its groups.
        case replace(paths: [String], matching: Pattern, template: String)
        /// Appends those lines that the file doesn't have.
        case addLines(path: String, lines: [String])
        /// Makes the file hold this and nothing else.
        case write(path: String, content: String, mode: UInt32)
        /// Removes files and links, not what links lead to.
        case remove(paths: [String])
        case chmod(paths: [String], mode: UInt32)
        case link(path: String, target: String)
        /// Puts the patch's value, hashed, into /etc/shadow.
        case setPassword(user: String)
    }

    /// All that is given must hold. Links are followed inside the root: a dangling one is missing.
    struct Condition: Sendable, Equatable {
        var exists: String?
        var missing: String?
        var contains: FileContent?

        struct FileContent: Sendable, Equatable {
            let path: String
            let pattern: Pattern
        }
    }

    let action: Action
    let condition: Condition

    static let keys = ["action", "paths", "path", "matching", "with", "lines", "content", "mode", "target", "user", "when"]

    private static let keysOfAction: [String: [String]] = [
        "delete-lines": ["paths", "matching"], "replace": ["paths", "matching", "with"], "add-lines": ["path", "lines"],
        "write": ["path", "content", "mode"], "remove": ["paths"], "chmod": ["paths", "mode"], "link": ["path", "target"],
        "set-password": ["user"],
    ]

    init(_ table: StrictTable) throws(ProvisionError) {
        let name = try table.choice("action", among: Self.keysOfAction.keys.sorted())
        let allowed = Self.keysOfAction[name] ?? []
        for key in Self.keys where table.has(key) && key != "action" && key != "when" && !allowed.contains(key) {
            throw table.error(
                "\"\(key)\" means nothing to \"\(name)\"", at: key, hint: "it takes \(allowed.joined(separator: ", "))")
        }
        action =
            switch name {
            case "delete-lines": .deleteLines(paths: try Self.paths(table), matching: try Pattern(table, "matching"))
            case "replace":
                .replace(
                    paths: try Self.paths(table), matching: try Pattern(table, "matching"), template: try Self.template(table))
            case "add-lines": .addLines(path: try Self.path(table, "path"), lines: try table.strings("lines"))
            case "write":
                .write(
                    path: try Self.path(table, "path"), content: try table.optionalString("content") ?? "",
                    mode: try Self.mode(table))
            case "remove": .remove(paths: try Self.paths(table))
            case "chmod": .chmod(paths: try Self.paths(table), mode: try Self.mode(table))
            case "link": .link(path: try Self.path(table, "path"), target: try table.string("target"))
            default: .setPassword(user: try table.string("user"))
            }
        condition = try Condition(table)
    }

    private static func paths(_ table: StrictTable) throws(ProvisionError) -> [String] {
        let paths = try table.strings("paths")
        guard !paths.isEmpty else { throw table.error("\"paths\" is empty", at: "paths") }
        for path in paths { try checkPath(path, table, "paths") }
        return paths
    }

    fileprivate static func path(_ table: StrictTable, _ key: String) throws(ProvisionError) -> String {
        let path = try table.string(key)
        try checkPath(path, table, key)
        return path
    }

    fileprivate static func checkPath(_ path: String, _ table: StrictTable, _ key: String) throws(ProvisionError) {
        guard path.hasPrefix("/"), path.count > 1, !path.split(separator: "/").contains("..") else {
            throw table.error("\"\(path)\" is not an absolute path in a root", at: key)
        }
    }

    private static func template(_ table: StrictTable) throws(ProvisionError) -> String {
        guard let template = try table.optionalString("with") else { throw table.error("the key \"with\" is missing") }
        return template
    }

    private static func mode(_ table: StrictTable) throws(ProvisionError) -> UInt32 {
        let text = try table.string("mode")
        guard let mode = UInt32(text, radix: 8), mode <= 0o7777 else {
            throw table.error("\"\(text)\" is not a mode", at: "mode", hint: "write it in octal digits, in quotes: \"0644\"")
        }
        return mode
    }
}

extension Edit.Condition {
    fileprivate init(_ table: StrictTable) throws(ProvisionError) {
        guard let when = try table.table("when", keys: ["exists", "missing", "file", "contains"]) else { return }
        exists = when.has("exists") ? try Edit.path(when, "exists") : nil
        missing = when.has("missing") ? try Edit.path(when, "missing") : nil
        guard when.has("file") == when.has("contains") else {
            throw when.error("\"file\" and \"contains\" go together", at: when.has("file") ? "file" : "contains")
        }
        if when.has("file") {
            contains = FileContent(path: try Edit.path(when, "file"), pattern: try Pattern(when, "contains"))
        }
    }
}

/// A regular expression, compiled once when it is read so that a wrong one is found there.
///
/// It is kept as text: a compiled one can't be shared between threads.
struct Pattern: Sendable, Equatable {
    let text: String

    init(_ table: StrictTable, _ key: String) throws(ProvisionError) {
        text = try table.string(key)
        do {
            _ = try compiled()
        } catch {
            throw table.error("\"\(text)\" is not a regular expression: \(error)", at: key)
        }
    }

    func compiled() throws -> Regex<AnyRegexOutput> { try Regex(text) }
}
