public import Diagnostics

/// The name of a machine: its directory in the state, the guest's host name, and what systemd-nspawn calls it.
///
/// As systemd's machine names (and RFC 1123 host names): 1 to 64 ASCII letters, digits, `-`, `_` and `.`, beginning and ending
/// with a letter or digit, without two dots in a row.
public struct MachineName: Hashable, Sendable, Codable, CustomStringConvertible {
    public let text: String
    public var description: String { text }

    /// - Throws: `.usage` where `text` is no such name.
    public init(_ text: String) throws(ProvisionError) {
        guard MachineName.isValid(text) else {
            throw ProvisionError(
                .usage, "\"\(text)\" cannot be a machine's name",
                hint: "use letters, digits, '-', '_' and '.', at most 64, such as \(MachineName(derivedFrom: text))")
        }
        self.text = text
    }

    /// A name made of any text (a layer's name, a directory's): what doesn't fit becomes `-`.
    public init(derivedFrom text: String) {
        var result = ""
        for scalar in text.unicodeScalars {
            let fits =
                scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-_.".unicodeScalars.contains(scalar))
            if !fits {
                result += "-"
            } else if !(scalar == "." && result.last == ".") {
                result.unicodeScalars.append(scalar)
            }
        }
        let trimmed = String(result.prefix(64)).trimmed
        self.text = trimmed.isEmpty ? "machine" : trimmed
    }

    /// A name for a container that nobody named and that is gone afterwards: unique among the processes of this host.
    public init(temporaryFor base: String, process: Int32) {
        let suffix = "-\(process)"
        let stem = String(MachineName(derivedFrom: base).text.prefix(64 - suffix.count)).trimmed
        text = stem + suffix
    }

    private static func isValid(_ text: String) -> Bool {
        !text.isEmpty && MachineName(derivedFrom: text).text == text
    }

    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension String {
    fileprivate var trimmed: String {
        var rest = self[...]
        while let first = rest.first, "-_.".contains(first) { rest.removeFirst() }
        while let last = rest.last, "-_.".contains(last) { rest.removeLast() }
        return String(rest)
    }
}
