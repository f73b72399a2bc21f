/// A table for people: columns as wide as their widest cell, numbers to the right, the last column cut at the terminal's edge.
struct Table {
    enum Alignment { case left, right }

    private let headings: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    init(_ columns: [(String, Alignment)]) {
        headings = columns.map(\.0)
        alignments = columns.map(\.1)
    }

    mutating func add(_ cells: [String]) { rows.append(cells.map(\.printableLine)) }

    var isEmpty: Bool { rows.isEmpty }

    /// Lines without trailing blanks; headings in bold where the terminal has colour.
    ///
    /// - Parameter width: longer lines are cut there; nil leaves them whole, for readers other than people.
    func rendered(width: Int? = nil, heading: (String) -> String = { $0 }) -> String {
        let all = [headings] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        let lines = all.map { cells in
            cells.indices.map { column in
                cells[column].padded(to: widths[column], leading: alignments[column] == .right)
            }.joined(separator: "  ").trimmingTrailingBlanks
        }.map { line in width.map { String(line.prefix($0)) } ?? line }
        return ([heading(lines[0])] + lines.dropFirst()).joined(separator: "\n")
    }
}

extension String {
    /// With a ? in place of what would move the cursor, colour the screen or turn the text's direction: strangers wrote it.
    var printable: String {
        func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0x09, 0x0A: true
            case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069, 0x200E, 0x200F, 0x061C: false
            default: true
            }
        }
        if unicodeScalars.allSatisfy(isHarmless) { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { isHarmless($0) ? $0 : "?" }))
    }

    /// As `printable`, on one line: for names of files.
    var printableLine: String {
        printable.contains { $0.isNewline || $0 == "\t" }
            ? String(printable.map { $0.isNewline || $0 == "\t" ? "?" : $0 }) : self.printable
    }

    fileprivate var trimmingTrailingBlanks: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
