internal import Synchronization

/// Lines that patterns were not found in: asking again costs nothing. They are kept by what the lines say, whatever file they are in.
final class LineMemory: Sendable {
    private let without = Mutex<[String: Set<ArraySlice<UInt8>>]>([:])

    func lines(without pattern: Pattern) -> Set<ArraySlice<UInt8>> { without.withLock { $0[pattern.text] ?? [] } }

    func remember(_ lines: Set<ArraySlice<UInt8>>, without pattern: Pattern) {
        if !lines.isEmpty { without.withLock { $0[pattern.text, default: []].formUnion(lines) } }
    }
}

/// Tells which lines a pattern is found in. The expression is compiled when the first unknown line comes.
struct LineMatcher: ~Copyable {
    private let pattern: Pattern
    private let memory: LineMemory
    private let known: Set<ArraySlice<UInt8>>
    private var learned: Set<ArraySlice<UInt8>> = []
    private var compiled: Regex<AnyRegexOutput>?

    init(_ pattern: Pattern, _ memory: LineMemory) {
        (self.pattern, self.memory) = (pattern, memory)
        known = memory.lines(without: pattern)
    }

    deinit { memory.remember(learned, without: pattern) }

    mutating func regex() throws -> Regex<AnyRegexOutput> {
        if let compiled { return compiled }
        let regex = try pattern.compiled()
        compiled = regex
        return regex
    }

    mutating func isFound(in line: ArraySlice<UInt8>) throws -> Bool {
        if known.contains(line) || learned.contains(line) { return false }
        if TextLines.decode(line).contains(try regex()) { return true }
        learned.insert(line)
        return false
    }
}
