/// A value that YAML can write; see YAML 1.2. Only what manifests need: block style, strings quoted wherever a reader could take them
/// for something else.
indirect enum YAMLValue {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([YAMLValue])
    /// In this order; pairs without a value are left out.
    case map([(String, YAMLValue?)])

    /// A whole document, with its line's end.
    var document: String { lines(indent: 0).joined(separator: "\n") + "\n" }

    private var isEmpty: Bool {
        switch self {
        case .text, .number, .flag: false
        case .list(let items): items.isEmpty
        case .map(let pairs): pairs.allSatisfy { $0.1?.isEmpty ?? true }
        }
    }

    private var scalar: String? {
        switch self {
        case .text(let text): YAMLValue.quoted(text)
        case .number(let number): String(number)
        case .flag(let flag): flag ? "true" : "false"
        case .list(let items): items.isEmpty ? "[]" : nil
        case .map: isEmpty ? "{}" : nil
        }
    }

    private func lines(indent: Int) -> [String] {
        let space = String(repeating: " ", count: indent)
        if let scalar { return [space + scalar] }
        switch self {
        case .list(let items):
            return items.flatMap { item -> [String] in
                if let scalar = item.scalar { return ["\(space)- \(scalar)"] }
                var lines = item.lines(indent: indent + 2)
                lines[0] = "\(space)- " + lines[0].dropFirst(indent + 2)
                return lines
            }
        case .map(let pairs):
            return pairs.flatMap { key, value -> [String] in
                guard let value, !value.isEmpty else { return [] }
                if let scalar = value.scalar { return ["\(space)\(YAMLValue.quoted(key)): \(scalar)"] }
                return ["\(space)\(YAMLValue.quoted(key)):"] + value.lines(indent: indent + 2)
            }
        case .text, .number, .flag: return []
        }
    }

    /// Plain where it is a word of letters that no schema reads as something else; otherwise double-quoted, as JSON writes it.
    static func quoted(_ text: String) -> String {
        let words: Set<String> = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        let isPlain =
            text.first.map { $0.isASCII && $0.isLetter } == true && !words.contains(text.lowercased())
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x2f, 0x5f: true
                default: false
                }
            }
        if isPlain { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                result += "\\x" + (hex.utf8.count == 1 ? "0" : "") + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
