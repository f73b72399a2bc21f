internal import Diagnostics
internal import Model

/// Where a repository's mirrors are, as a mirrorlist (a URL a line) or a metalink (metalinker.org's 3.0 with Fedora's
/// alternates) says.
struct MirrorList: Equatable {
    /// Base URLs, the best first, without trailing slash.
    var baseURLs: [String]
    /// What a metalink says that repomd.xml must be: the current one first, then older ones that mirrors may still have. All of
    /// one algorithm; empty for a mirrorlist.
    var repomdDigests: [ContentDigest] = []

    /// Reads either kind: some servers answer a mirrorlist's URL with a metalink.
    ///
    /// - Throws: `.failed` where it can't be read or names no mirror that can be used.
    init(parsing document: [UInt8], source: String) throws(ProvisionError) {
        let start = String(decoding: document.prefix(512), as: UTF8.self).trimmed
        if start.hasPrefix("<?xml") || start.hasPrefix("<metalink") {
            self = try MirrorList(metalink: document, source: source)
        } else {
            let lines = String(decoding: document, as: UTF8.self).split(whereSeparator: \.isNewline).map(\.trimmed)
            baseURLs = lines.filter(RepositoryURL.isUsable).map(RepositoryURL.withoutTrailingSlash)
        }
        guard !baseURLs.isEmpty else { throw ProvisionError(.failed, "\(source) names no http, https or file mirror") }
    }

    private init(metalink document: [UInt8], source: String) throws(ProvisionError) {
        let visitor = MetalinkVisitor()
        try XMLReader.read(document, source: source, into: visitor)
        let suffix = "/repodata/repomd.xml"
        // Equal preferences keep the document's order, which is the server's idea of near.
        let sorted = visitor.resources.enumerated().sorted {
            ($1.element.preference, $0.offset) < ($0.element.preference, $1.offset)
        }
        baseURLs = sorted.map(\.element.url).filter { RepositoryURL.isUsable($0) && $0.hasSuffix(suffix) }
            .map { RepositoryURL.withoutTrailingSlash(String($0.dropLast(suffix.count))) }
        guard let current = visitor.versions.first else { return }
        let order: [ContentDigest.Algorithm] = [.sha512, .sha384, .sha256, .sha1, .md5]
        guard let algorithm = order.first(where: { wanted in current.contains { $0.algorithm == wanted } }) else { return }
        repomdDigests = visitor.versions.compactMap { $0.first { $0.algorithm == algorithm } }
    }
}

private final class MetalinkVisitor: XMLVisitor {
    var resources: [(url: String, preference: Int)] = []
    /// The digests of repomd.xml, then of each alternate.
    var versions: [[ContentDigest]] = []
    private var isRepomd = false
    private var hashType = ""
    private var preference = 0

    func begin(_ path: [String], attributes: [String: String]) throws(ProvisionError) {
        switch path.dropFirst().joined(separator: "/") {
        case "files/file":
            isRepomd = attributes["name"] == "repomd.xml"
            if isRepomd { versions.append([]) }
        case "files/file/alternates/alternate": if isRepomd { versions.append([]) }
        case "files/file/verification/hash", "files/file/alternates/alternate/verification/hash":
            hashType = attributes["type"] ?? ""
        case "files/file/resources/url": preference = attributes["preference"].flatMap(Int.init) ?? 0
        default: break
        }
    }

    func end(_ path: [String], text: String) throws(ProvisionError) {
        guard isRepomd else { return }
        switch path.dropFirst().joined(separator: "/") {
        case "files/file": isRepomd = false
        case "files/file/verification/hash":
            // The current file's hashes may stand after the alternates.
            if let digest = digest(text) { versions[0].append(digest) }
        case "files/file/alternates/alternate/verification/hash":
            if let digest = digest(text) { versions[versions.count - 1].append(digest) }
        case "files/file/resources/url": resources.append((text, preference))
        default: break
        }
    }

    private func digest(_ text: String) -> ContentDigest? {
        // Metalinks write sha-256 where rpm-md writes sha256; Fedora's writes the latter.
        ContentDigest.Algorithm(rpmMetadataName: hashType.filter { $0 != "-" }).flatMap { ContentDigest($0, hex: text) }
    }
}
