public import Diagnostics
public import Model

/// Where an image lies in a registry: `REGISTRY/NAME:TAG` or `REGISTRY/NAME@DIGEST`; see the OCI distribution specification.
public struct RegistryReference: Sendable, Hashable, CustomStringConvertible {
    /// Host, with a port where one was given.
    public let registry: String
    public let name: String
    public let tag: String?
    public let digest: ContentDigest?

    /// - Throws: `.usage` for what isn't one. The registry must be named: there is no default.
    public init(_ text: String) throws(ProvisionError) {
        func wrong(_ reason: String) -> ProvisionError {
            ProvisionError(
                .usage, "\"\(text)\" is no image in a registry: \(reason)",
                hint: "write REGISTRY/NAME:TAG, as in registry.example.org/ftp:1 (docker.io/USER/NAME for Docker Hub)")
        }
        guard let slash = text.firstIndex(of: "/") else { throw wrong("it names no registry") }
        let host = String(text[..<slash])
        guard host.contains(".") || host.contains(":") || host == "localhost" else {
            throw wrong("\"\(host)\" is no registry's host name")
        }
        var rest = text[text.index(after: slash)...]
        var digest: ContentDigest?
        if let at = rest.firstIndex(of: "@") {
            digest = ContentDigest(String(rest[rest.index(after: at)...]))
            guard digest != nil else { throw wrong("its digest can't be read") }
            rest = rest[..<at]
        }
        var tag: String?
        if let colon = rest.lastIndex(of: ":") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        let isName =
            !rest.isEmpty
            && rest.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                part.first.map(RegistryReference.isAlphanumeric) == true
                    && part.last.map(RegistryReference.isAlphanumeric) == true
                    && part.allSatisfy { RegistryReference.isAlphanumeric($0) || "._-".contains($0) }
            }
        guard isName else { throw wrong("\"\(rest)\" is no name: lower-case letters, digits, and . _ - between them") }
        if let tag {
            let isTag =
                (1...128).contains(tag.utf8.count) && tag.first != "." && tag.first != "-"
                && tag.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
            guard isTag else { throw wrong("\"\(tag)\" is no tag") }
        }
        registry = host
        name = String(rest)
        self.tag = tag ?? (digest == nil ? "latest" : nil)
        self.digest = digest
    }

    private static func isAlphanumeric(_ character: Character) -> Bool {
        ("a"..."z").contains(character) || ("0"..."9").contains(character)
    }

    /// What manifests are asked for by: the digest before the tag.
    var reference: String { digest?.description ?? tag ?? "latest" }

    public var description: String { "\(registry)/\(name)" + (digest.map { "@\($0)" } ?? ":\(tag ?? "latest")") }

    /// Docker Hub answers under another name than it is called by.
    var host: String { registry == "docker.io" ? "registry-1.docker.io" : registry }

    /// Whether it is on this host, where plain HTTP harms nobody.
    var isLoopback: Bool {
        if registry.hasPrefix("[::1]") { return true }
        let host = registry.prefix { $0 != ":" }
        return host == "localhost" || host.hasPrefix("127.")
    }
}
