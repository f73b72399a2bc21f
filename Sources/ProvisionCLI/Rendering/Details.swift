/// Label and value, one a line, for one thing in full; empty values are left out.
struct Details {
    let terminal: Terminal
    private static let indent = 13

    init(terminal: Terminal) { self.terminal = terminal }

    func line(_ label: String, _ value: String) {
        guard !value.isEmpty else { return }
        print(terminal.styled(label.padded(to: Details.indent), .bold) + value)
    }

    /// Several values, each on a line of its own.
    func list(_ label: String, _ values: [String]) {
        for (number, value) in values.enumerated() { line(number == 0 ? label : "", value) }
    }

    /// Running text, wrapped at the output's edge; paragraphs and lists keep their lines.
    func text(_ label: String, _ text: String) {
        let width = max(40, (outputWidth() ?? 80) - Details.indent)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { wrapped(String($0), to: width) }
        guard lines.contains(where: { !$0.isEmpty }) else { return }
        for (number, line) in lines.enumerated() {
            let label = terminal.styled((number == 0 ? label : "").padded(to: Details.indent), .bold)
            print(line.isEmpty ? "" : label + line)
        }
    }
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
