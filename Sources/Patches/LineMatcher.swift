internal import Synchronization

/// What is known of patterns: each compiled once, and lines that they were not found in. Lines are kept by what they say, whatever file
/// they are in.
final class LineMemory: Sendable {
    private struct Known {
        let regex: Regex<AnyRegexOutput>
        var without: Set<ArraySlice<UInt8>> = []
    }

    /// Behind a lock, since a compiled expression can't be shared between threads.
    private let patterns = Mutex<[String: Known]>([:])

    /// Whether a pattern is found in a line.
    func isFound(_ pattern: Pattern, in line: ArraySlice<UInt8>) throws -> Bool {
        try patterns.withLock { patterns in
            if patterns[pattern.text]?.without.contains(line) == true { return false }
            let regex = try patterns[pattern.text]?.regex ?? pattern.compiled()
            if TextLines.decode(line).contains(regex) {
                if patterns[pattern.text] == nil { patterns[pattern.text] = Known(regex: regex) }
                return true
            }
            patterns[pattern.text, default: Known(regex: regex)].without.insert(line)
            return false
        }
    }

    /// The line with each place where the pattern is found replaced.
    func replacing(
        _ pattern: Pattern, in line: String, with replacement: @Sendable (AnyRegexOutput) -> String
    ) throws -> String {
        try patterns.withLock { patterns in
            let regex = try patterns[pattern.text]?.regex ?? pattern.compiled()
            return line.replacing(regex) { replacement($0.output) }
        }
    }
}

/// Tells which lines a pattern is found in.
struct LineMatcher {
    let pattern: Pattern
    let memory: LineMemory

    func isFound(in line: ArraySlice<UInt8>) throws -> Bool { try memory.isFound(pattern, in: line) }
}
