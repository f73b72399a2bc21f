internal import Provisioning
internal import SystemPackage

/// The command as typed, for the manifest, without a secret in it, and without what says where and how it was typed: the same build
/// from another directory is the same layer.
func commandLine(_ arguments: [String] = CommandLine.arguments, hiding secret: String? = nil) -> String {
    let places: Set = ["--state", "--cache", "--config", "--progress", "--color", "--jobs"]
    let flags: Set = ["--json", "--quiet", "-q", "--verbose", "-v", "--fresh"]
    let settings: Set = ["--setopt", "--patch"]
    let files: Set = ["--locked", "-c", "--busybox", "--root-password-file"]
    var words = ["provision"]
    var rest = arguments.dropFirst()
    while let word = rest.popFirst() {
        let option = String(word.prefix { $0 != "=" })
        let hasValue = option.count < word.count
        if flags.contains(word) { continue }
        if places.contains(option) {
            if !hasValue { _ = rest.popFirst() }
        } else if files.contains(option) {
            let value = hasValue ? String(word.dropFirst(option.count + 1)) : rest.popFirst() ?? ""
            words += [option, FilePath(value).lastComponent?.string ?? value]
        } else if settings.contains(option) {
            let value = hasValue ? String(word.dropFirst(option.count + 1)) : rest.popFirst() ?? ""
            words += [option, withoutUser(withoutPassword(value))]
        } else if let secret, !secret.isEmpty {
            words.append(withoutUser(word).replacingOccurrences(of: secret, with: "…"))
        } else {
            words.append(withoutUser(word))
        }
    }
    return words.map { $0.contains(" ") ? "'\($0)'" : $0 }.joined(separator: " ")
}

/// `KEY=VALUE` without the value where the key ends in `password`, as yum's and the patch's do.
private func withoutPassword(_ setting: String) -> String {
    guard let equals = setting.firstIndex(of: "=") else { return setting }
    let key = setting[..<equals].lowercased()
    return key.filter { !$0.isWhitespace }.hasSuffix("password") ? setting[...equals] + "…" : setting
}

extension String {
    fileprivate func replacingOccurrences(of text: String, with replacement: String) -> String {
        self == text ? replacement : hasSuffix("=" + text) ? dropLast(text.count) + replacement : self
    }
}
