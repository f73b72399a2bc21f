/// A text file as lines that can be looked at and changed without harm to bytes that aren't UTF-8.
struct TextLines {
    private var lines: [ArraySlice<UInt8>]
    private let endsInNewline: Bool

    init(_ bytes: [UInt8]) {
        lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        endsInNewline = bytes.last == UInt8(ascii: "\n")
        // What follows the last newline is no line of its own.
        if endsInNewline || bytes.isEmpty { lines.removeLast() }
    }

    var bytes: [UInt8] {
        var result = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
        if endsInNewline, !lines.isEmpty { result.append(UInt8(ascii: "\n")) }
        return result
    }

    func contains(_ line: String) -> Bool { lines.contains { Self.decode($0) == line } }

    func contains(_ matcher: LineMatcher) throws -> Bool {
        for line in lines where try matcher.isFound(in: line) { return true }
        return false
    }

    /// Asks for every line, so that the answers are known.
    func look(_ matcher: LineMatcher) throws { for line in lines { _ = try matcher.isFound(in: line) } }

    /// Returns how many went.
    mutating func removeLines(matching matcher: LineMatcher) throws -> Int {
        let count = lines.count
        var kept: [ArraySlice<UInt8>] = []
        for line in lines where try !matcher.isFound(in: line) { kept.append(line) }
        lines = kept
        return count - lines.count
    }

    /// Returns how many lines changed.
    mutating func replace(_ matcher: LineMatcher, with template: String) throws -> Int {
        var changed = 0
        for index in lines.indices where try matcher.isFound(in: lines[index]) {
            let line = Self.decode(lines[index])
            let result = try matcher.replacing(in: line) { Self.expand(template, $0) }
            guard result != line else { continue }
            lines[index] = Self.encode(result, like: lines[index])
            changed += 1
        }
        return changed
    }

    /// `template` with `\1` to `\9` replaced by the match's groups.
    private static func expand(_ template: String, _ groups: AnyRegexOutput) -> String {
        var result = ""
        var escaped = false
        for character in template {
            if escaped, let number = character.wholeNumberValue {
                if number < groups.count { result += groups[number].substring ?? "" }
                escaped = false
            } else if escaped {
                result.append(character)
                escaped = false
            } else if character == "\\" {
                escaped = true
            } else {
                result.append(character)
            }
        }
        return result
    }

    // Lines that aren't UTF-8 are read as Latin-1, in which each byte is a character, and written back so.

    static func decode(_ line: ArraySlice<UInt8>) -> String {
        String(validating: line, as: UTF8.self) ?? String(String.UnicodeScalarView(line.map { Unicode.Scalar($0) }))
    }

    private static func encode(_ text: String, like line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if String(validating: line, as: UTF8.self) != nil { return Array(text.utf8)[...] }
        return text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }[...]
    }
}
