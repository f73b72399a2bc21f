internal import Glibc

/// The readings of a spec as a package's name, version and architecture, in the order in which dnf tries them.
///
/// Source: libdnf's `Nevra::parse` and `HY_FORMS_MOST_SPEC`.
struct SpecForm: Equatable {
    var name: String
    var epoch: UInt32?
    var version: String?
    var release: String?
    var arch: String?

    var isJustName: Bool { epoch == nil && version == nil && release == nil && arch == nil }

    static func readings(of spec: String) -> [SpecForm] {
        var readings: [SpecForm] = []
        let dotted = splitLast(spec, at: ".")
        if let (head, arch) = dotted, isWord(arch, without: "-:.(/=<> ") {
            if let form = versioned(head, arch: arch, withRelease: true) { readings.append(form) }
            if isName(head) { readings.append(SpecForm(name: head, arch: arch)) }
        }
        if isName(spec) { readings.append(SpecForm(name: spec)) }
        if let form = versioned(spec, arch: nil, withRelease: true) { readings.append(form) }
        if let form = versioned(spec, arch: nil, withRelease: false) { readings.append(form) }
        return readings
    }

    private static func versioned(_ text: String, arch: String?, withRelease: Bool) -> SpecForm? {
        var head = text
        var release: String?
        if withRelease {
            guard let (rest, last) = splitLast(head, at: "-"), isWord(last, without: "-:(/=<> ") else { return nil }
            (head, release) = (rest, last)
        }
        guard let (name, middle) = splitLast(head, at: "-"), isName(name) else { return nil }
        var version = middle
        var epoch: UInt32?
        if let colon = middle.firstIndex(of: ":") {
            guard let number = UInt32(middle[..<colon]) else { return nil }
            epoch = number
            version = String(middle[middle.index(after: colon)...])
        }
        guard isWord(version, without: "-:(/=<> ") else { return nil }
        return SpecForm(name: name, epoch: epoch, version: version, release: release, arch: arch)
    }

    private static func splitLast(_ text: String, at separator: Character) -> (String, String)? {
        text.lastIndex(of: separator).map { (String(text[..<$0]), String(text[text.index(after: $0)...])) }
    }

    private static func isName(_ text: String) -> Bool { isWord(text, without: ":(/=<> ") }

    private static func isWord(_ text: String, without forbidden: String) -> Bool {
        !text.isEmpty && !text.contains { forbidden.contains($0) }
    }
}

/// Whether dnf takes the text for a shell pattern.
func isGlob(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

/// Whether the text can mean a file in a package.
func isFilePattern(_ text: String) -> Bool { text.hasPrefix("/") || text.hasPrefix("*/") }

/// Whether primary metadata alone tells all owners of this path: createrepo lists there what is in /etc, in a directory
/// whose name ends in "bin", and /usr/lib/sendmail.
func isListedInPrimary(_ path: UnsafePointer<CChar>) -> Bool {
    strncmp(path, "/etc/", 5) == 0 || strstr(path, "bin/") != nil || strcmp(path, "/usr/lib/sendmail") == 0
}
