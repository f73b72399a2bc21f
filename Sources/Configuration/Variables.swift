/// The variables of a build: $releasever, $basearch and the like, and those that a release defines.
///
/// None comes from the host: not from its release, not from its environment.
public struct Variables: Sendable, Equatable, Codable {
    public private(set) var values: [String: String]

    /// `releasever_major` and `releasever_minor` are the parts before and after the first dot, as in dnf 5; there is no
    /// minor where there is no dot. `others` can't replace the built-in ones.
    public init(releasever: String?, architecture: Architecture, others: [String: String] = [:]) {
        values = others
        values["basearch"] = architecture.basearch
        values["arch"] = architecture.native
        guard let releasever else { return }
        values["releasever"] = releasever
        let parts = releasever.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        values["releasever_major"] = String(parts[0])
        values["releasever_minor"] = parts.count > 1 ? String(parts[1]) : nil
    }

    /// Names that can't be a release's own.
    static let builtIn = ["releasever", "releasever_major", "releasever_minor", "basearch", "arch"]

    /// Letters, digits and `_`.
    static func isValidName(_ name: String) -> Bool { !name.isEmpty && name.allSatisfy(isNameCharacter) }

    /// `text` with $name, ${name}, ${name:-word} (word where the variable is unset or empty) and ${name:+word} (word where it
    /// is set) replaced. What is unknown or malformed stays as it is, as in yum.
    public func expand(_ text: String) -> String { expansion(of: text).text }

    /// The names in `text` that have no value, in their order.
    public func unknownNames(in text: String) -> [String] { expansion(of: text).unknown }

    private func expansion(of text: String) -> (text: String, unknown: [String]) {
        var scanner = Scanner(rest: text[...], variables: self)
        return (scanner.run(until: nil), scanner.unknown)
    }

    fileprivate static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || character == "_")
    }
}

/// Walks through a text once, replacing as it goes.
private struct Scanner {
    var rest: Substring
    let variables: Variables
    var unknown: [String] = []

    mutating func run(until end: Character?) -> String {
        var result = ""
        while let character = rest.first, character != end {
            rest.removeFirst()
            if character == "$" {
                result += expression()
            } else {
                result.append(character)
            }
        }
        return result
    }

    /// What follows a `$`, replaced; with the `$` again where it is no expression.
    private mutating func expression() -> String {
        let start = rest
        let braced = rest.first == "{"
        if braced { rest.removeFirst() }
        let name = String(rest.prefix(while: Variables.isNameCharacter))
        rest.removeFirst(name.count)
        guard braced else {
            if name.isEmpty { return "$" }
            return value(of: name) ?? "$" + name
        }
        if !name.isEmpty, rest.first == "}" {
            rest.removeFirst()
            return value(of: name) ?? "${\(name)}"
        }
        let operation = rest.prefix(2)
        guard !name.isEmpty, operation == ":-" || operation == ":+" else {
            rest = start
            return "$"
        }
        rest.removeFirst(2)
        let known = unknown
        let word = run(until: "}")
        guard rest.first == "}" else {
            rest = start
            unknown = known
            return "$"
        }
        rest.removeFirst()
        let current = variables.values[name] ?? ""
        if current.isEmpty != (operation == ":-") { unknown = known }
        return operation == ":-" ? (current.isEmpty ? word : current) : (current.isEmpty ? "" : word)
    }

    private mutating func value(of name: String) -> String? {
        if let value = variables.values[name] { return value }
        if !unknown.contains(name) { unknown.append(name) }
        return nil
    }
}
