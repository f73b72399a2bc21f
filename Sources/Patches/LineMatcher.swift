internal import Synchronization

/// What is known of patterns: each compiled once, and lines that they were not found in. Lines are kept by what they say, whatever file
/// they are in.
final class LineMemory: Sendable {
    private final class Known {
        let regex: Regex<AnyRegexOutput>
        var without: Set<ArraySlice<UInt8>> = []

        init(_ pattern: Pattern) throws { regex = try pattern.compiled() }
    }

    /// Behind a lock, since a compiled expression can't be shared between threads.
    private let patterns = Mutex<[String: Known]>([:])

    /// Whether a pattern is found in a line.
    func isFound(_ pattern: Pattern, in line: ArraySlice<UInt8>) throws -> Bool {
        try patterns.withLock { patterns in
            let known = try LineMemory.known(pattern, in: &patterns)
            if known.without.contains(line) { return false }
            if TextLines.decode(line).contains(known.regex) { return true }
            known.without.insert(line)
            return false
        }
    }

    /// The line with each place where the pattern is found replaced.
    func replacing(
        _ pattern: Pattern, in line: String, with replacement: @Sendable (AnyRegexOutput) -> String
    ) throws -> String {
        try patterns.withLock { patterns in
            line.replacing(try LineMemory.known(pattern, in: &patterns).regex) { replacement($0.output) }
        }
    }

    private static func known(_ pattern: Pattern, in patterns: inout [String: Known]) throws -> Known {
        if let known = patterns[pattern.text] { return known }
        let known = try Known(pattern)
        patterns[pattern.text] = known
        return known
    }
}

/// Tells which lines a pattern is found in.
struct LineMatcher {
    let pattern: Pattern
    let memory: LineMemory

    func isFound(in line: ArraySlice<UInt8>) throws -> Bool { try memory.isFound(pattern, in: line) }

    func replacing(in line: String, with replacement: @Sendable (AnyRegexOutput) -> String) throws -> String {
        try memory.replacing(pattern, in: line, with: replacement)
    }
}
