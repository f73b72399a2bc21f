internal import Glibc

/// Watches XML on its way to libsolv's parser, which trusts what it reads: nothing nested without end, no tag or text that would
/// fill the memory, no document type (rpm-md has none; it is where entities are declared).
struct XMLGuard {
    /// rpm-md's deepest elements have five above them.
    static let maximumDepth = 64
    /// Bytes of one tag, or between two; the longest real description has a hundredth of it.
    static let maximumRun = 8 << 20

    private enum Place {
        case text
        /// `<` was the last byte.
        case opened
        case tag, quoted
        /// Behind `<!`.
        case declaration
        /// A comment, a CDATA section or an instruction, up to the bytes that end it.
        case skipped
    }

    private var place = Place.text
    private var depth = 0
    /// Bytes since the last tag began or ended.
    private var run = 0
    private var isEndTag = false
    private var lastWasSlash = false
    private var quote = UInt8(ascii: "\"")
    private var declaration: [UInt8] = []
    /// What ends the part that is skipped, and how much of it the last bytes are.
    private var ending: [UInt8] = []
    private var matched = 0

    /// Looks at the next bytes; what is wrong with them, or nil.
    mutating func complaint(about bytes: UnsafeRawBufferPointer) -> String? {
        var position = 0
        while position < bytes.count {
            // Most of a document is text and values: they are passed over at memory's speed.
            let sought: UInt8? = place == .text ? UInt8(ascii: "<") : place == .quoted ? quote : nil
            if let sought, let base = bytes.baseAddress {
                let found = memchr(base + position, Int32(sought), bytes.count - position)
                let end = found.map { base.distance(to: UnsafeRawPointer($0)) } ?? bytes.count
                run += end - position
                position = end
                if found == nil { break }
            }
            if let complaint = step(bytes[position]) { return complaint }
            position += 1
        }
        return run > Self.maximumRun ? "it holds a text or tag of more than \(Self.maximumRun >> 20) MiB" : nil
    }

    private mutating func step(_ byte: UInt8) -> String? {
        run += 1
        switch place {
        case .text: (place, run) = (.opened, 0)
        case .opened: return open(byte)
        case .tag:
            if byte == UInt8(ascii: ">") {
                if isEndTag || lastWasSlash { depth -= 1 }
                (place, run) = (.text, 0)
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                (place, quote) = (.quoted, byte)
            }
            lastWasSlash = byte == UInt8(ascii: "/")
        case .quoted:
            if byte == quote { place = .tag }
        case .declaration: return declare(byte)
        case .skipped: skip(byte)
        }
        return nil
    }

    /// The byte behind `<`.
    private mutating func open(_ byte: UInt8) -> String? {
        switch byte {
        case UInt8(ascii: "!"): (place, declaration) = (.declaration, [])
        case UInt8(ascii: "?"): (place, ending, matched) = (.skipped, Array("?>".utf8), 0)
        case UInt8(ascii: "/"): (place, isEndTag, lastWasSlash) = (.tag, true, false)
        default:
            (place, isEndTag, lastWasSlash) = (.tag, false, false)
            depth += 1
            if depth > Self.maximumDepth { return "its elements are nested more than \(Self.maximumDepth) deep" }
        }
        return nil
    }

    private mutating func declare(_ byte: UInt8) -> String? {
        declaration.append(byte)
        for (opening, closing) in [("--", "-->"), ("[CDATA[", "]]>")] where Array(opening.utf8).starts(with: declaration) {
            if declaration.count == opening.utf8.count {
                (place, ending, matched) = (.skipped, Array(closing.utf8), 0)
            }
            return nil
        }
        return "it declares a document type, which no metadata needs"
    }

    private mutating func skip(_ byte: UInt8) {
        if byte == ending[matched] {
            matched += 1
            if matched == ending.count { (place, run) = (.text, 0) }
        } else if matched > 0, byte == ending[0] {
            // As in "]]]>" and "--->": the last bytes may still begin the end.
            matched = min(matched, ending.count - 1)
        } else {
            matched = 0
        }
    }
}
