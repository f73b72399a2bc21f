public import Diagnostics
internal import Glibc
public import Model
internal import System
public import SystemPackage

/// A file of metadata in the cache, its digest checked when it was fetched.
public struct MetadataFile: Sendable, Hashable {
    public var path: FilePath
    /// As it lies there, mostly compressed; its suffix tells by what.
    public var digest: ContentDigest
    public var size: UInt64
    /// Of the uncompressed content, where the repository tells.
    public var openDigest: ContentDigest?
    public var openSize: UInt64?
    /// Bytes that it may unpack to, by the settings.
    public var maximumOpenSize: UInt64 = .max
}

extension MetadataFile {
    /// The lower of a reader's own limit and the settings'.
    func limit(_ own: Int) -> Int { min(own, Int(clamping: maximumOpenSize)) }
}

extension MetadataFile {
    /// `DIGEST-primary.xml.gz`: by the digest alone, whatever the server calls it; the suffix tells readers how it is packed.
    static func name(of record: Repomd.Record) -> String {
        let last = record.location.split(separator: "/").last.map(String.init) ?? record.type
        let plain = last.hasPrefix(record.checksum.hex) ? String(last.dropFirst(record.checksum.hex.count + 1)) : last
        let clean = plain.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "._-+".contains($0)) }
        return "\(record.checksum.hex)-\(clean.suffix(80))"
    }

    /// Whether a file is there that may be ours: a plain one of the right length, that nobody else could have put there. What
    /// else lies at the path is taken away.
    func isPresent() throws(ProvisionError) -> Bool {
        var status = stat()
        guard lstat(path.string, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return false }
            throw ProvisionError(.failed, "cannot look at \"\(path)\": \(String(cString: strerror(errno)))")
        }
        let isOurs =
            status.st_mode & S_IFMT == S_IFREG && status.st_mode & (S_IWGRP | S_IWOTH) == 0
            && (status.st_uid == geteuid() || status.st_uid == 0)
        if isOurs, size == 0 || UInt64(status.st_size) == size { return true }
        try Files.remove(path)
        return false
    }

    /// Checks the digest again: what lay in the cache since may have been damaged.
    ///
    /// - Throws: `.verification`, naming `label`, after taking the wrong file away, so that the next run fetches it anew.
    public func verify(as label: String) throws(ProvisionError) {
        guard try System.digest(ofFileAt: path, algorithm: digest.algorithm).digest != digest else { return }
        try Files.remove(path)
        throw ProvisionError(
            .verification, "the cached \(label) is damaged: it has another \(digest.algorithm.rawValue) than it had",
            hint: "it was removed; the same command fetches it again", causes: ["it was \"\(path)\""])
    }
}
