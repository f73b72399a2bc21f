internal import Diagnostics

/// The bare syntax of yum.conf, as Python's ConfigParser reads it for yum: sections, `key = value` or `key: value`, lines that
/// begin with `#` or `;` are comments, lines that begin with white space continue the value above them.
///
/// There are no comments behind a value. Where all lines are indented alike, as in a quoted file, the indentation doesn't count.
struct INISyntax {
    struct Entry: Equatable {
        let key: String
        var value: String
        let line: Int
    }

    struct Section: Equatable {
        let name: String
        let line: Int
        var entries: [Entry] = []
        var directives: [Directive] = []
    }

    private let path: String
    private(set) var sections: [Section] = []
    /// Directives above the first section.
    private(set) var directives: [Directive] = []
    private var acceptsContinuation = false

    /// - Throws: `.configuration` with file and line.
    init(parsing text: String, path: String) throws(ProvisionError) {
        self.path = path
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let indentation = INISyntax.commonIndentation(of: lines)
        for (index, line) in lines.enumerated() {
            try read(line.dropFirst(min(indentation, line.count)), number: index + 1)
        }
    }

    private mutating func read(_ line: Substring, number: Int) throws(ProvisionError) {
        let content = line.trimming()
        guard let first = content.first else { return }
        if first == "#" || first == ";" {
            try readComment(content, number: number)
        } else if line.first?.isWhitespace == true {
            try continueValue(content, number: number)
        } else if first == "[" {
            try beginSection(content, number: number)
        } else {
            try readEntry(content, number: number)
        }
    }

    private mutating func readComment(_ content: Substring, number: Int) throws(ProvisionError) {
        guard let directive = try Directive(comment: content, path: path, line: number) else { return }
        if sections.isEmpty {
            directives.append(directive)
        } else {
            sections[sections.count - 1].directives.append(directive)
        }
    }

    private mutating func continueValue(_ content: Substring, number: Int) throws(ProvisionError) {
        guard acceptsContinuation, let last = sections.last?.entries.indices.last else {
            throw ConfigurationSource.error(
                path, line: number, "\"\(content)\" continues nothing",
                hint: "a line that begins with white space belongs to the setting above it: take the white space away")
        }
        sections[sections.count - 1].entries[last].value += "\n" + content
    }

    private mutating func beginSection(_ content: Substring, number: Int) throws(ProvisionError) {
        guard content.last == "]" else {
            throw ConfigurationSource.error(path, line: number, "the section header \"\(content)\" doesn't end in \"]\"")
        }
        let name = String(content.dropFirst().dropLast().trimming())
        if let earlier = sections.first(where: { $0.name == name }) {
            throw ConfigurationSource.error(
                path, line: number, "section [\(name)] begins a second time",
                hint: "the first one is on line \(earlier.line): put both into one, or give one another name")
        }
        sections.append(Section(name: name, line: number))
        acceptsContinuation = false
    }

    private mutating func readEntry(_ content: Substring, number: Int) throws(ProvisionError) {
        guard let separator = content.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
            throw ConfigurationSource.error(
                path, line: number, "\"\(content)\" is neither a section nor a setting",
                hint: "a setting is written KEY=VALUE, a section [NAME]")
        }
        let key = content[..<separator].trimming().lowercased()
        guard !key.isEmpty else { throw ConfigurationSource.error(path, line: number, "\"\(content)\" has no key") }
        guard !sections.isEmpty else {
            throw ConfigurationSource.error(
                path, line: number, "the setting \"\(key)\" stands outside of any section",
                hint: "put [main] or a repository's [ID] above it")
        }
        let value = content[content.index(after: separator)...].trimming()
        sections[sections.count - 1].entries.append(Entry(key: key, value: String(value), line: number))
        acceptsContinuation = true
    }

    private static func commonIndentation(of lines: [Substring]) -> Int {
        lines.filter { !$0.allSatisfy(\.isWhitespace) }
            .map { $0.prefix { $0 == " " || $0 == "\t" }.count }.min() ?? 0
    }
}

/// A comment that provision reads and that yum and dnf pass over: `# provision: WORD ARGUMENT…`.
///
/// `release ID` says which release the file was written for: its variables, rpm database and patches. `fingerprint HEX URL [FILE]`
/// pins the key at one of the section's gpgkey URLs to the primary key with these forty hexadecimal digits; FILE is the key's
/// name under a host's key directories.
enum Directive: Equatable {
    case release(id: String, line: Int)
    case fingerprint(String, url: String, file: String?, line: Int)

    static let prefix = "# provision:"

    /// nil for an ordinary comment.
    init?(comment: Substring, path: String, line: Int) throws(ProvisionError) {
        guard comment.hasPrefix(Directive.prefix) else { return nil }
        let words = comment.dropFirst(Directive.prefix.count).split(whereSeparator: \.isWhitespace).map(String.init)
        switch (words.first, words.count) {
        case ("release", 2): self = .release(id: words[1], line: line)
        case ("fingerprint", 3...4):
            guard let fingerprint = normalizedFingerprint(words[1]) else {
                throw ConfigurationSource.error(
                    path, line: line, "\"\(words[1])\" is not a key's fingerprint", hint: "it has forty hexadecimal digits")
            }
            self = .fingerprint(fingerprint, url: words[2], file: words.count > 3 ? words[3] : nil, line: line)
        default:
            throw ConfigurationSource.error(
                path, line: line, "\"\(comment)\" is not understood",
                hint: "\"# provision:\" is followed by \"release ID\" or \"fingerprint HEX URL [FILE]\"")
        }
    }
}

/// Forty hexadecimal digits in upper case; nil for anything else.
func normalizedFingerprint(_ text: String) -> String? {
    text.utf8.count == 40 && text.allSatisfy { $0.isASCII && $0.isHexDigit } ? text.uppercased() : nil
}

extension StringProtocol {
    /// Without white space at either end.
    func trimming() -> SubSequence {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else {
            return self[endIndex...]
        }
        return self[first...last]
    }
}
