public import Diagnostics
internal import Glibc
public import Model
internal import System
public import SystemPackage
public import Transfer

/// Finds signing keys: in the cache, in the host's key directories, at the URL; never trusts one whose pinned fingerprint differs.
public struct KeyFinder {
    /// Where distributions put keys: `distribution-gpg-keys` has a folder for each of them.
    public static let hostDirectories: [FilePath] = ["/usr/share/distribution-gpg-keys", "/etc/pki/rpm-gpg"]

    private let cache: FilePath
    private let listings: KeyListings
    private let downloader: Downloader
    private let hostDirectories: [FilePath]

    /// - Parameters:
    ///   - cache: provision's cache directory; keys are kept in its `keys`.
    ///   - hostDirectories: looked through, and their subdirectories, for a pinned key's file name.
    public init(cache: FilePath, downloader: Downloader, hostDirectories: [FilePath] = KeyFinder.hostDirectories) {
        self.cache = cache.appending("keys")
        listings = KeyListings(cache: cache)
        self.downloader = downloader
        self.hostDirectories = hostDirectories
    }

    /// The key with the pinned fingerprint; without one every certificate that the URL gives.
    ///
    /// A key without fingerprint is taken from its URL once and then kept: a later change of the file goes unnoticed until
    /// the cache is emptied.
    ///
    /// - Parameter allowExpired: for the key of a release that outlived it.
    /// - Throws: `.verification` where the key found has another fingerprint, is revoked or has expired; `.unreachable` where
    ///   none can be had.
    public func find(
        _ reference: KeyReference, transport: TransportOptions = TransportOptions(), allowExpired: Bool = false
    ) throws -> [TrustedKey] {
        guard let pinned = reference.fingerprint.map(Self.normalized) else {
            return try unpinnedKeys(reference, transport: transport, allowExpired: allowExpired)
        }
        return [try pinnedKey(pinned, reference, transport: transport, allowExpired: allowExpired)]
    }

    /// The keys of all of `references`, each once. One that has expired is told of and not trusted, unless it is the only one.
    ///
    /// - Throws: as `find` for each of them, where what is wrong isn't that it has expired, or all have.
    public func find(
        _ references: [KeyReference], transport: TransportOptions, progress: any ProgressSink
    ) throws -> [TrustedKey] {
        var result: [TrustedKey] = []
        var expired: [(reference: KeyReference, key: TrustedKey)] = []
        for reference in references {
            // While others may do, an expired key that lies here isn't asked for anew each time.
            if let old = try expiredHere(reference) {
                expired.append((reference, old))
                continue
            }
            do {
                for key in try find(reference, transport: transport) where !result.contains(key) { result.append(key) }
            } catch let error as ProvisionError where error.code == .verification {
                guard let old = try expiredHere(reference) else { throw error }
                expired.append((reference, old))
            }
        }
        if result.isEmpty {
            // Their owners may have prolonged them since.
            return try expired.flatMap { try find($0.reference, transport: transport) }
        }
        for (_, key) in expired {
            progress.warn("the key \(key.fingerprint) (\(key.userID)) has expired and is not trusted")
        }
        return result
    }

    /// The pinned key, where the cache has it and it has expired.
    private func expiredHere(_ reference: KeyReference) throws(ProvisionError) -> TrustedKey? {
        guard let pinned = reference.fingerprint.map(Self.normalized) else { return nil }
        var complaints: [String] = []
        let kept = try key(pinned, at: cache.appending("\(pinned).asc"), complaints: &complaints)
        return kept.flatMap { $0.isExpired && !$0.isRevoked ? $0.key : nil }
    }

    private func pinnedKey(
        _ pinned: String, _ reference: KeyReference, transport: TransportOptions, allowExpired: Bool
    ) throws -> TrustedKey {
        let kept = cache.appending("\(pinned).asc")
        var complaints: [String] = []
        var expired: InspectedKey?
        for path in [kept] + (try hostFiles(named: reference.fileName)) {
            guard let match = try key(pinned, at: path, complaints: &complaints) else { continue }
            // Owners prolong their keys: the one at the URL may be valid again.
            if match.isExpired, !match.isRevoked, !allowExpired {
                expired = match
                continue
            }
            return try accept(match, of: reference, as: path == kept ? nil : kept, allowExpired: allowExpired)
        }
        let file: [UInt8]
        do {
            file = try fetch(reference, to: kept, transport: transport)
        } catch let error as ProvisionError where error.code == .unreachable {
            if let expired { _ = try usable(expired, of: reference, allowExpired: false) }
            throw error
        }
        let found = try InspectedKey.all(
            in: file, source: "the key file \"\(withoutCredentials(reference.url))\"", cache: listings)
        guard let match = found.first(where: { $0.key.fingerprint == pinned }) else {
            throw ProvisionError(
                .verification,
                "the key at \"\(withoutCredentials(reference.url))\" has the fingerprint \(found.map(\.key.fingerprint).joined(separator: ", ")) "
                    + "and not \(pinned), which is pinned",
                hint: "do not trust it before its owner confirms the change; then change the fingerprint in the definition",
                causes: complaints)
        }
        return try accept(match, of: reference, as: kept, allowExpired: allowExpired)
    }

    /// All keys of the URL's file that hold; where none does, what is wrong with the first.
    private func unpinnedKeys(
        _ reference: KeyReference, transport: TransportOptions, allowExpired: Bool
    ) throws -> [TrustedKey] {
        let file = try unpinnedFile(reference, transport: transport)
        let found = try InspectedKey.all(
            in: file, source: "the key file \"\(withoutCredentials(reference.url))\"", cache: listings)
        let good = found.filter { !$0.isRevoked && (allowExpired || !$0.isExpired) }
        if good.isEmpty, let first = found.first { _ = try usable(first, of: reference, allowExpired: allowExpired) }
        return good.map(\.key)
    }

    /// Bytes that a key file may have: Fedora's, with the keys of all its releases, has a hundredth of it.
    private static let limit = 4 << 20

    private static func normalized(_ fingerprint: String) -> String {
        fingerprint.filter { !$0.isWhitespace && $0 != ":" }.uppercased()
    }

    /// The pinned key, where the file has it. A damaged file on this host doesn't make the key at the URL worse: like another
    /// key it is only told of.
    private func key(
        _ pinned: String, at path: FilePath, complaints: inout [String]
    ) throws(ProvisionError) -> InspectedKey? {
        do throws(ProvisionError) {
            guard let file = try Files.readIfPresent(path, limit: Self.limit) else { return nil }
            let found = try InspectedKey.all(in: file, source: "the key file \"\(path)\"", cache: listings)
            if let match = found.first(where: { $0.key.fingerprint == pinned }) { return match }
            complaints.append("\"\(path)\" holds \(found.map(\.key.fingerprint).joined(separator: ", "))")
        } catch {
            guard error.code == .failed else { throw error }
            complaints.append(error.description)
        }
        return nil
    }

    private func usable(
        _ found: InspectedKey, of reference: KeyReference, allowExpired: Bool
    ) throws(ProvisionError) -> TrustedKey {
        let name = "the key \(found.key.fingerprint) (\(found.key.userID)) of \"\(withoutCredentials(reference.url))\""
        if found.isRevoked { throw ProvisionError(.verification, "\(name) is revoked") }
        if found.isExpired, !allowExpired { throw ProvisionError(.verification, "\(name) has expired") }
        return found.key
    }

    /// The key, where it may be used; written to the cache where `path` is given.
    private func accept(
        _ found: InspectedKey, of reference: KeyReference, as path: FilePath?, allowExpired: Bool
    ) throws(ProvisionError) -> TrustedKey {
        // An expired one too: the next run then knows without asking.
        if let path, !found.isRevoked {
            try Files.makeDirectory(path.removingLastComponent())
            try Files.write(found.key.armored, to: path)
        }
        return try usable(found, of: reference, allowExpired: allowExpired)
    }

    private func hostFiles(named name: String?) throws(ProvisionError) -> [FilePath] {
        guard let name, !name.isEmpty, !name.contains("/") else { return [] }
        var directories: [FilePath] = []
        for directory in hostDirectories {
            directories.append(directory)
            directories += try Files.names(in: directory).map { directory.appending($0) }.filter(Files.isDirectory)
        }
        return directories.map { $0.appending(name) }.filter(Files.exists)
    }

    private func unpinnedFile(_ reference: KeyReference, transport: TransportOptions) throws -> [UInt8] {
        if reference.url.hasPrefix("file:") { return try fetch(reference, to: cache.appending("file"), transport: transport) }
        let kept = cache.appending("url-\(sha256(of: reference.url).hex.prefix(32)).asc")
        if let file = try Files.readIfPresent(kept, limit: Self.limit) { return file }
        let file = try fetch(reference, to: kept, transport: transport)
        // Only what is a key file is worth keeping.
        _ = try OpenPGP.certificates(in: file, source: "the key file \"\(withoutCredentials(reference.url))\"")
        try Files.write(file, to: kept)
        return file
    }

    /// The bytes at the URL; `neighbour` says where they may lie meanwhile.
    private func fetch(_ reference: KeyReference, to neighbour: FilePath, transport: TransportOptions) throws -> [UInt8] {
        // A file of this host needs no libcurl, whose start takes longer than all else that a reused layer needs.
        if let local = reference.localPath, Files.exists(local) { return try Files.read(local, limit: Self.limit) }
        let path = FilePath(neighbour.string + ".fetched-\(getpid())")
        defer { unlink(path.string) }
        try downloader.fetch(
            [
                TransferRequest(
                    label: "key \(reference.fileName ?? withoutCredentials(reference.url))", urls: [reference.url],
                    destination: path,
                    maximumSize: UInt64(Self.limit), transport: transport)
            ], phase: .metadata)
        return try Files.read(path, limit: Self.limit)
    }
}

extension KeyReference {
    /// The path of a `file://` URL without escapes in it.
    fileprivate var localPath: FilePath? {
        guard url.hasPrefix("file:///"), !url.contains(where: { "%?#".contains($0) }) else { return nil }
        return FilePath(String(url.dropFirst("file://".count)))
    }
}
