internal import Configuration
internal import Diagnostics
internal import Model
internal import System

/// One clean-up of a root, declared in config/patches/NAME.toml: edits in their order, each with the condition under which it applies.
///
/// Applying one twice changes nothing the second time.
public struct Patch: Sendable, Equatable {
    public let name: String
    /// One line: what it does.
    public let summary: String
    /// Several lines: why a container needs it, for help.
    public let why: String
    /// Whether it is on where neither a release nor an option says.
    public let isDefault: Bool
    /// What the VALUE in `--patch NAME=VALUE` is; nil for a patch that takes none.
    public let value: String?
    let edits: [Edit]
    /// Over the declaration's text: another declaration may give another root.
    let digest: String

    /// - Throws: `.configuration` with file, line and the nearest key.
    init(name: String, parsing text: String, path: String) throws(ProvisionError) {
        self.name = name
        digest = sha256(of: text).hex
        let root = try StrictDocument(parsing: text, path: path)
            .root(keys: ["summary", "why", "default", "value", "edit"])
        summary = try root.string("summary")
        why = try root.string("why")
        isDefault = try root.boolean("default", default: false)
        value = try root.optionalString("value")
        var edits: [Edit] = []
        for table in try root.tables("edit", keys: Edit.keys) { edits.append(try Edit(table)) }
        self.edits = edits
        guard !edits.isEmpty else { throw root.error("there is no [[edit]]") }
        let asksForValue = edits.contains { if case .setPassword = $0.action { true } else { false } }
        guard asksForValue == (value != nil) else {
            throw root.error(
                asksForValue ? "\"set-password\" needs the key \"value\", which says what to give" : "no edit uses \"value\"",
                at: "value")
        }
        guard value == nil || !isDefault else {
            throw root.error("a patch that needs a value can't be on by default", at: "default")
        }
    }
}
