internal import Diagnostics
public import SystemPackage

/// Addresses below a repository's base URL.
enum RepositoryURL {
    /// Refuses a location that would lead out of the repository: absolute, with `..` in it (also percent-encoded), or a URL.
    ///
    /// - Parameter source: what messages call the document that names it.
    static func check(location: String, in source: String = "the metadata") throws(ProvisionError) {
        let reason: String? =
            if location.isEmpty {
                "it is empty"
            } else if location.hasPrefix("/") {
                "it is absolute"
            } else if location.contains("://") {
                "it is a URL"
            } else if location.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f || $0 == UInt8(ascii: "\\") }) {
                "it holds characters that no path has"
            } else if decoded(location).split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) }) {
                "it leads out of the repository"
            } else {
                nil
            }
        if let reason {
            throw ProvisionError(.verification, "the location \"\(location)\" in \(source) is refused: \(reason)")
        }
    }

    /// `base/location`, encoded as a URL's path; a query of the base stays at the end.
    static func join(_ base: String, _ location: String) -> String {
        let query = base.firstIndex(of: "?").map { String(base[$0...]) } ?? ""
        let stem = withoutTrailingSlash(String(base.dropLast(query.count)))
        return "\(stem)/\(encoded(location))\(query)"
    }

    static func withoutTrailingSlash(_ url: String) -> String {
        var url = url
        while url.hasSuffix("/"), !url.hasSuffix("://") { url.removeLast() }
        return url
    }

    /// The path that a file URL names; nil for other URLs.
    static func localPath(_ url: String) -> FilePath? {
        guard url.lowercased().hasPrefix("file://") else { return nil }
        let rest = url.dropFirst("file://".count)
        guard let slash = rest.firstIndex(of: "/") else { return nil }
        return FilePath(String(decoding: decoded(String(rest[slash...])), as: UTF8.self))
    }

    static func isUsable(_ url: String) -> Bool {
        let lower = url.lowercased()
        return ["http://", "https://", "file://"].contains { lower.hasPrefix($0) && lower.count > $0.count }
    }

    /// Encodes what a path may not hold. `%41` stays as it is: file names of packages have no percent signs. `+` is
    /// encoded because object stores take it for a space.
    static func encoded(_ path: String) -> String {
        let bytes = Array(path.utf8)
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if isPlain(byte) || (byte == UInt8(ascii: "%") && octet(bytes, at: index) != nil) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~/:@!$&'()*,;=".utf8.contains(byte)
        }
    }

    static func decoded(_ path: String) -> [UInt8] {
        let bytes = Array(path.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), let byte = octet(bytes, at: index) {
                result.append(byte)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    private static func octet(_ bytes: [UInt8], at index: Int) -> UInt8? {
        guard index + 2 < bytes.count else { return nil }
        return UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
    }
}

/// The file URL of an absolute path.
public func fileURL(of path: FilePath) -> String {
    "file://"
        + RepositoryURL.encoded(path.string.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%25"))
}
