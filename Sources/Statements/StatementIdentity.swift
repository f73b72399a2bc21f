internal import FoundationEssentials
internal import Model
internal import System

/// What statements derive from their subject alone, so that the same subject always gives the same bytes.
enum StatementIdentity {
    /// A UUID of version 8 (RFC 9562) made of the subject's digest and packages.
    static func uuid(of subject: StatementSubject, kind: String) -> String {
        var lines = ["provision \(kind)", subject.name, subject.digest?.description ?? "no digest", String(subject.created)]
        for package in subject.packages {
            lines.append("\(package.nevra) \(package.checksum?.hex ?? "-") \(package.files.count)")
        }
        var digits = Array(digest(of: lines.joined(separator: "\n")).prefix(32))
        digits[12] = "8"
        digits[16] = "a"
        let text = String(digits)
        var parts: [Substring] = []
        var rest = Substring(text)
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }

    /// `2026-11-25T07:10:00Z`
    static func time(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }

    static func isURL(_ text: String) -> Bool {
        (text.hasPrefix("https://") || text.hasPrefix("http://")) && !text.contains(" ")
    }

    private static func digest(of text: String) -> String { sha256(of: text).hex }
}
