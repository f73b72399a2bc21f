public import Diagnostics
internal import Layers

/// The name of a machine: its directory in the state, the guest's host name, and what systemd-nspawn calls it.
///
/// As systemd's machine names and host names (RFC 1123): 1 to 64 ASCII letters, digits, `-` and `.`, letters or digits at either
/// end and beside every dot.
public struct MachineName: Hashable, Sendable, Codable, CustomStringConvertible {
    public let text: String
    public var description: String { text }

    /// - Throws: `.usage` where `text` is no such name.
    public init(_ text: String) throws(ProvisionError) {
        guard MachineName.isValid(text) else {
            throw ProvisionError(
                .usage, "\"\(text)\" cannot be a machine's name",
                hint: "use letters, digits, '-' and '.', at most 64, such as \(MachineName(derivedFrom: text))")
        }
        self.text = text
    }

    /// A name made of any text (a layer's name, a directory's): what doesn't fit becomes `-`.
    public init(derivedFrom text: String) {
        var result = ""
        for scalar in text.unicodeScalars {
            let fits =
                scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == ".")
            if scalar == "." {
                // Beside a dot nothing but letters and digits stands.
                while result.last == "-" { result.removeLast() }
                if result.last == "." { continue }
            }
            if fits {
                result.unicodeScalars.append(scalar)
            } else if result.last != "." {
                result += "-"
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

    /// A name that a machine of before may have; nil where it is nothing that a directory's name could be.
    init?(recorded text: String) {
        guard LayerName.isValid(text) else { return nil }
        self.text = text
    }

    private static func isValid(_ text: String) -> Bool {
        !text.isEmpty && MachineName(derivedFrom: text).text == text
    }

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        // Machines of crun's were once called what systemd refuses: they are still there to be shown and removed.
        if let recorded = MachineName(recorded: text) { self = recorded } else { try self.init(text) }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension String {
    fileprivate var trimmed: String {
        var rest = self[...]
        while let first = rest.first, "-.".contains(first) { rest.removeFirst() }
        while let last = rest.last, "-.".contains(last) { rest.removeLast() }
        return String(rest)
    }
}
