/// Label and value, one a line, for one thing in full; empty values are left out.
struct Details {
    let terminal: Terminal
    private static let indent = 13

    init(terminal: Terminal) { self.terminal = terminal }

    func line(_ label: String, _ value: String) {
        guard !value.isEmpty else { return }
        print(terminal.styled(label.padded(to: Details.indent), .bold) + value.printable)
    }

    /// Several values, each on a line of its own.
    func list(_ label: String, _ values: [String]) {
        for (number, value) in values.enumerated() { line(number == 0 ? label : "", value) }
    }

    /// Running text, filled to the output's edge; lists and paragraphs stay apart.
    func text(_ label: String, _ text: String) {
        let width = max(40, (outputWidth() ?? 80) - Details.indent)
        let lines = paragraphs(of: text.printable).flatMap { wrapped($0, to: width) }
        guard lines.contains(where: { !$0.isEmpty }) else { return }
        for (number, line) in lines.enumerated() {
            let label = terminal.styled((number == 0 ? label : "").padded(to: Details.indent), .bold)
            print(line.isEmpty ? "" : label + line)
        }
    }
}

/// The text with lines joined that only its writer's width had broken: not empty ones, not indented ones, not items of lists.
func paragraphs(of text: String) -> [String] {
    var result: [String] = []
    var open = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
        let starts = line.first.map { " \t-*•".contains($0) } ?? true
        if open, !starts {
            result[result.count - 1] += " " + line
        } else {
            result.append(String(line))
        }
        open = !line.isEmpty
    }
    return result
}

/// Lines of at most `width` characters, broken between words; a longer word keeps a line of its own.
func wrapped(_ text: String, to width: Int) -> [String] {
    guard text.count > width else { return [text] }
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
        if !line.isEmpty, line.count + 1 + word.count > width {
            lines.append(line)
            line = ""
        }
        line += (line.isEmpty ? "" : " ") + word
    }
    return lines + [line]
}
