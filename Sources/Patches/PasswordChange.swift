internal import Diagnostics
internal import System

/// A user's new password in a root's /etc/shadow (shadow(5)).
struct PasswordChange {
    static let path = "/etc/shadow"

    let user: String
    /// The password, or its crypt hash where it begins with `$`.
    let value: String

    /// Puts the password there, hashed by openssl with SHA-512 and a random salt.
    ///
    /// - Throws: `.usage` for a value that can be no password, `.failed` where the user isn't in the file.
    func apply(to root: borrowing RootedDirectory) throws(ProvisionError) -> EditRunner.Outcome {
        try validate()
        guard let bytes = try root.read(Self.path) else {
            throw ProvisionError(
                .failed, "cannot set the password of \"\(user)\": \(Self.path) is not there",
                hint: "the package \"setup\" holds it: install that too")
        }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard let index = lines.firstIndex(where: { $0.hasPrefix(user + ":") }) else {
            throw ProvisionError(
                .failed, "cannot set the password of \"\(user)\": no such user in \(Self.path)",
                hint: "a package of the request must make that user")
        }
        var fields = lines[index].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard fields.count > 1 else {
            throw ProvisionError(.failed, "cannot set the password of \"\(user)\": its line in \(Self.path) is damaged")
        }
        if try isCurrent(fields[1]) { return .notNeeded("\(user) has that password already") }
        fields[1] = value.hasPrefix("$") ? value : try Self.hash(value, salt: nil)
        // A last change on day 0 means that the password must be changed at the first login.
        if fields.count > 2, fields[2] == "0" { fields[2] = "" }
        lines[index] = fields.joined(separator: ":")[...]
        try root.write(Self.path, Array(lines.joined(separator: "\n").utf8))
        return .changed(["\(Self.path): password of \(user) set"])
    }

    private func validate() throws(ProvisionError) {
        guard !user.isEmpty, !user.contains(":") else {
            throw ProvisionError(.configuration, "\"\(user)\" is not a user's name")
        }
        guard !value.isEmpty else { throw ProvisionError(.usage, "the password of \"\(user)\" is empty") }
        guard !value.contains(where: \.isNewline), !value.utf8.contains(0) else {
            throw ProvisionError(.usage, "the password of \"\(user)\" has more than one line")
        }
        guard value.hasPrefix("$") else { return }
        guard value.split(separator: "$").count >= 2, !value.contains(":"), !value.contains(where: \.isWhitespace) else {
            throw ProvisionError(
                .usage, "the value for \"\(user)\" begins with \"$\" but is not a crypt hash",
                hint: "a password that begins with \"$\" must be given as a hash: openssl passwd -6")
        }
    }

    /// Whether `current` is the hash already, or a SHA-512 hash of the password.
    private func isCurrent(_ current: String) throws(ProvisionError) -> Bool {
        if value.hasPrefix("$") { return current == value }
        let parts = current.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, parts[1] == "6", !parts[2].isEmpty else { return false }
        return try Self.hash(value, salt: String(parts[2])) == current
    }

    /// The password goes in by standard input: arguments can be seen by every user of the host.
    private static func hash(_ password: String, salt: String?) throws(ProvisionError) -> String {
        let arguments = ["openssl", "passwd", "-6"] + (salt.map { ["-salt", $0] } ?? []) + ["-stdin"]
        let hash = try runChecked(arguments, input: Array((password + "\n").utf8)).text
            .filter { !$0.isNewline }
        guard hash.hasPrefix("$6$") else { throw ProvisionError(.failed, "openssl made no SHA-512 hash of the password") }
        return hash
    }
}
