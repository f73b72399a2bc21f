public import Diagnostics
internal import Glibc
internal import Model
internal import System
public import SystemPackage

/// Files in the cache that were made out of verified metadata and are believed without making them again: parsed packages, parsed
/// modules, answers.
///
/// A file begins with one line that says what it is: its format, what it was made from, and the sha256 of the rest. What reads
/// the rest trusts it (libsolv does not look), so nothing is handed on unless it is a plain file of our own that nobody else
/// may write, and line and digest are right. A size and a time of change would be quicker to compare, but a file that was
/// written over in place can have both; the digest of five megabytes takes a few milliseconds.
public struct DerivedFiles: Sendable {
    public let directory: FilePath
    /// Names format and version of what is stored: other ones are as good as none.
    private let format: String

    public init(in directory: FilePath, format: String) {
        self.directory = directory
        self.format = format
    }

    /// The data stored under `name` that was made from `source`, or nil. A file that doesn't belong or is damaged is removed.
    public func read(_ name: String, from source: String) throws(ProvisionError) -> ArraySlice<UInt8>? {
        let path = directory.appending(name)
        guard try isTrustworthy(path), let bytes = try Files.readIfPresent(path, limit: 2 << 30) else { return nil }
        if let end = bytes.prefix(1024).firstIndex(of: UInt8(ascii: "\n")) {
            let content = bytes[(end + 1)...]
            if String(decoding: bytes[..<end], as: UTF8.self) == title(source, content) { return content }
        }
        try Files.remove(path)
        return nil
    }

    public func write(_ content: [UInt8], name: String, from source: String) throws(ProvisionError) {
        try store(title(source, content[...]), content, name: name)
    }

    func store(_ title: String, _ rest: [UInt8], name: String) throws(ProvisionError) {
        try Files.makeDirectory(directory)
        try Files.write(Array((title + "\n").utf8) + rest, to: directory.appending(name))
    }

    func title(_ source: String, _ content: ArraySlice<UInt8>) -> String {
        "\(format) \(source) \(content.withUnsafeBytes { sha256(of: $0) }.hex)"
    }

    /// Only our own file, or root's, that no one else may write.
    func isTrustworthy(_ path: FilePath) throws(ProvisionError) -> Bool {
        var status = stat()
        guard lstat(path.string, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return false }
            throw systemError("look at", path)
        }
        return status.st_mode & S_IFMT == S_IFREG && status.st_mode & (S_IWGRP | S_IWOTH) == 0
            && (status.st_uid == geteuid() || status.st_uid == 0)
    }
}
