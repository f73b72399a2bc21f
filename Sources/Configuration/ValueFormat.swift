/// How a setting's value is written in yum.conf: read, written back, and what is allowed, for messages.
struct ValueFormat<Value: Equatable & SendableMetatype>: Sendable {
    /// Ends the sentence "allowed: …".
    let allowed: String
    /// nil where the text is no such value. The text has no white space around it.
    let parse: @Sendable (String) -> Value?
    let write: @Sendable (Value) -> String
}

extension ValueFormat<Bool> {
    /// All spellings of yum and of libdnf, in any case.
    static let boolean = ValueFormat(
        allowed: "1, 0, yes, no, true, false, on, off",
        parse: {
            switch $0.lowercased() {
            case "1", "yes", "true", "on": true
            case "0", "no", "false", "off": false
            default: nil
            }
        },
        write: { $0 ? "1" : "0" })

    /// For a feature that can't be had here: switched off is fine, switched on must not pass silently.
    static func onlyOff(_ reason: String) -> ValueFormat {
        ValueFormat(
            allowed: "0 (\(reason))",
            parse: { boolean.parse($0) == false ? false : nil },
            write: { _ in "0" })
    }
}

extension ValueFormat<String> {
    static let text = ValueFormat(
        allowed: "text on one line", parse: { $0.isEmpty || $0.contains(where: \.isNewline) ? nil : $0 }, write: { $0 })
}

extension ValueFormat<String?> {
    /// Empty is the same as not given.
    static let optionalText = ValueFormat(
        allowed: "text on one line",
        parse: { $0.contains(where: \.isNewline) ? nil : .some($0.isEmpty ? nil : $0) }, write: { $0 ?? "" })

    static let basearch = ValueFormat(
        allowed: Architecture.all.map(\.basearch).joined(separator: ", "),
        parse: { text in
            if text.isEmpty { return .some(nil) }
            guard let architecture = Architecture.named(text) else { return nil }
            return .some(architecture.basearch)
        },
        write: { $0 ?? "" })

    static func optionalURL(_ schemes: [String]) -> ValueFormat {
        ValueFormat(
            allowed: "one URL: \(schemes.map { $0 + "://…" }.joined(separator: ", "))",
            parse: { text in
                if text.isEmpty { return .some(nil) }
                return isURL(text, schemes: schemes) ? .some(text) : nil
            },
            write: { $0 ?? "" })
    }

    /// Empty takes back the proxy that [main] gives and leaves it to the environment; yum's `_none_` is none whatever that says.
    static let proxy = ValueFormat(
        allowed: "a URL such as http://proxy:3128, or _none_",
        parse: { text in
            if text.isEmpty { return .some(nil) }
            if text.lowercased() == "_none_" { return .some("") }
            return isURL(text, schemes: ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]) ? .some(text) : nil
        },
        write: { $0.map { $0.isEmpty ? "_none_" : $0 } ?? "" })
}

extension ValueFormat<[String]> {
    /// Separated by commas or white space, new lines among it.
    static let words = ValueFormat(
        allowed: "words separated by spaces or commas", parse: { splitWords($0) }, write: { $0.joined(separator: " ") })

    static func words(among choices: [String]) -> ValueFormat {
        ValueFormat(
            allowed: "any of \(choices.joined(separator: ", "))",
            parse: { text in
                let words = splitWords(text)
                return words.allSatisfy(choices.contains) ? words : nil
            },
            write: { $0.joined(separator: " ") })
    }

    static let baseURLs = ValueFormat(
        allowed: "URLs: http://…, https://… or file:///…",
        parse: { text in
            let words = splitWords(text)
            return words.allSatisfy { isURL($0, schemes: ["http", "https", "file"]) } ? words : nil
        },
        write: { $0.joined(separator: "\n        ") })
}

extension ValueFormat<Int> {
    static func integer(_ range: ClosedRange<Int>, allowed: String) -> ValueFormat {
        ValueFormat(allowed: allowed, parse: { Int($0).flatMap { range.contains($0) ? $0 : nil } }, write: { "\($0)" })
    }

    /// yum's and dnf's 0 means for ever.
    static let retries = ValueFormat(
        allowed: "a whole number; 0 for ever",
        parse: { text in
            guard let number = Int32(text), number >= 0 else { return nil }
            return number == 0 ? Int(Int32.max) : Int(number)
        },
        write: { $0 == Int(Int32.max) ? "0" : "\($0)" })

    /// A time that must end: yum writes it as a decimal fraction, dnf with a unit too.
    static let timeout = ValueFormat(
        allowed: "at least 1 second, as 30, 1.5m or 1h",
        parse: { parseSeconds($0).flatMap { $0 >= 1 ? $0 : nil } },
        write: { "\($0)" })

    static let byteRate = ValueFormat(
        allowed: "bytes per second, as 1000, 500k, 10M or 1G", parse: { parseBytes($0).map { Int($0) } }, write: { "\($0)" })
}

extension ValueFormat<Int?> {
    static let optionalInteger = ValueFormat(
        allowed: "a whole number from 1 to 64",
        parse: { Int($0).flatMap { (1...64).contains($0) ? .some($0) : nil } }, write: { $0.map { "\($0)" } ?? "" })

    /// Seconds, or nil for never.
    static let expiry = ValueFormat(
        allowed: "seconds, as 3600, 90m, 6h or 2d, or never (also written -1)",
        parse: { text in
            if text == "-1" || text.lowercased() == "never" { return .some(nil) }
            // Not `return parseSeconds(text)`: its nil would become "never".
            guard let seconds = parseSeconds(text) else { return nil }
            return .some(seconds)
        },
        write: { $0.map(writeSeconds) ?? "never" })
}

extension ValueFormat<Int64?> {
    /// 0 is no limit.
    static let throttle = ValueFormat(
        allowed: "bytes per second, as 500k or 10M, 0 for no limit (a percentage of bandwidth can't be had)",
        parse: { parseBytes($0).map { $0 == 0 ? nil : $0 } }, write: { "\($0 ?? 0)" })
}

private func splitWords(_ text: String) -> [String] {
    text.split { $0 == "," || $0.isWhitespace }.map(String.init)
}

/// Whether the text starts with one of the schemes and goes on without white space; variables may stand anywhere behind it.
func isURL(_ text: String, schemes: [String]) -> Bool {
    guard let colon = text.firstIndex(of: ":"), !text.contains(where: \.isWhitespace) else { return false }
    let rest = text[colon...]
    let isRooted = text[..<colon] != "file" || rest.hasPrefix(":///") || rest.hasPrefix("://$")
    return schemes.contains(text[..<colon].lowercased()) && rest.hasPrefix("://") && rest.count > 3 && isRooted
}

/// Seconds with an optional unit d, h, m or s, decimal fractions allowed; rounded up. nil for anything else.
private func parseSeconds(_ text: String) -> Int? {
    scaled(text, units: ["d": 86400, "h": 3600, "m": 60, "s": 1]).map { Int($0.rounded(.up)) }
}

/// Bytes with an optional unit k, M or G (of 1024); nil for anything else.
func parseBytes(_ text: String) -> Int64? {
    scaled(text, units: ["k": 1024, "m": 1_048_576, "g": 1_073_741_824]).map { Int64($0) }
}

private func scaled(_ text: String, units: [Character: Double]) -> Double? {
    guard let last = text.last else { return nil }
    var digits = text[...]
    var factor = 1.0
    if last.isLetter {
        guard let unit = units[Character(last.lowercased())] else { return nil }
        factor = unit
        digits = digits.dropLast()
    }
    guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let number = Double(digits),
        number * factor < 1e15
    else { return nil }
    return number * factor
}

private func writeSeconds(_ seconds: Int) -> String {
    for (unit, length) in [("h", 3600), ("m", 60)] where seconds > 0 && seconds % length == 0 {
        return "\(seconds / length)\(unit)"
    }
    return "\(seconds)"
}
