internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// What gpg said of certificates: CACHE/key-listings/DIGEST, by the sha256 of the certificate.
///
/// A listing follows from the certificate alone, dates in it are absolute: asking once is enough, and saves a process in each
/// build. librpm computes the fingerprint anew before it trusts the key.
struct KeyListings {
    private static let title = "provision-gpg 1\n"
    private let directory: FilePath

    init(cache: FilePath) { directory = cache.appending("key-listings") }

    private func path(_ certificate: [UInt8]) -> FilePath {
        var digester = Digester.sha256
        certificate.withUnsafeBytes { digester.update($0) }
        return directory.appending(digester.finalize().hex)
    }

    /// nil where there is none, or one that somebody else may have written.
    func listing(of certificate: [UInt8]) throws(ProvisionError) -> String? {
        let path = path(certificate)
        var status = stat()
        guard lstat(path.string, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_mode & (S_IWGRP | S_IWOTH) == 0, status.st_uid == geteuid() || status.st_uid == 0,
            let bytes = try Files.readIfPresent(path, limit: 1 << 20)
        else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.hasPrefix(KeyListings.title) ? String(text.dropFirst(KeyListings.title.count)) : nil
    }

    func keep(_ listing: String, of certificate: [UInt8]) throws(ProvisionError) {
        try Files.makeDirectory(directory)
        try Files.write(KeyListings.title + listing, to: path(certificate))
    }
}
