/// A package's licence, told apart: an SPDX expression whose every identifier is known, or words of the distribution's own.
public enum Licence: Sendable, Equatable {
    case expression(String)
    case words(String)
}

/// The identifiers that SPDX publishes: licences and exceptions, from config/licences.txt.
public struct LicenceList: Sendable {
    private let identifiers: Set<String>

    /// - Parameter text: one identifier a line; `#` begins a comment.
    public init(_ text: String) {
        identifiers = Set(
            text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.filter { $0 != " " }.lowercased() })
    }

    /// Decides by SPDX's own grammar as far as its words go: known identifiers, AND, OR, WITH, parentheses (SPDX 2.3, annex D).
    public func read(_ licence: String) -> Licence {
        let spaced = licence.flatMap { $0 == "(" || $0 == ")" ? " \($0) " : String($0) }
        var wantsOperand = true
        var depth = 0
        for token in String(spaced).split(separator: " ") {
            switch token {
            case "(" where wantsOperand: depth += 1
            case ")" where !wantsOperand && depth > 0: depth -= 1
            case "AND", "OR", "WITH":
                if wantsOperand { return .words(licence) }
                wantsOperand = true
            default:
                let isKnown = identifiers.contains(token.lowercased())
                guard wantsOperand, token != "(", token != ")", isKnown else { return .words(licence) }
                wantsOperand = false
            }
        }
        return wantsOperand || depth != 0 ? .words(licence) : .expression(licence)
    }
}
