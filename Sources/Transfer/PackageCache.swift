public import Diagnostics
public import Model
internal import System
public import SystemPackage

/// Package files by the digest of their content, outside of every root: CACHE/packages/ab/ab12….rpm.
public struct PackageCache: Sendable {
    public let directory: FilePath

    /// - Parameter cache: the cache directory of provision; packages live in its `packages`.
    public init(cache: FilePath) { directory = cache.appending("packages") }

    /// Where the package with this digest is or will be.
    public func path(for digest: ContentDigest) -> FilePath {
        let name = digest.algorithm == .sha256 ? digest.hex : "\(digest.algorithm.rawValue)-\(digest.hex)"
        return directory.appending(String(digest.hex.prefix(2))).appending("\(name).rpm")
    }

    /// Whether a file of that name and length is there. Its content is checked by whoever installs it, on the open file.
    public func holds(_ digest: ContentDigest, size: UInt64) -> Bool {
        Files.size(path(for: digest)) == size
    }

    public func holds(_ package: PlannedPackage) -> Bool { holds(package.checksum, size: package.size) }

    /// Forgets a file that turned out not to be what its name says, so that the next build fetches it again.
    public func discard(_ digest: ContentDigest) throws(ProvisionError) { try Files.remove(path(for: digest)) }

    /// What to ask a `Downloader` for.
    public func request(
        for package: PlannedPackage, urls: [String], transport: TransportOptions, maximumSize: UInt64 = 16 << 30
    ) -> TransferRequest {
        TransferRequest(
            label: package.nevra.description, urls: urls, destination: path(for: package.checksum),
            digests: [package.checksum], size: package.size, headSize: package.headerEnd, maximumSize: maximumSize,
            transport: transport)
    }
}
