public import Model

/// Writes package URLs of the `rpm` type: `pkg:rpm/centos/bash@5.1.8-9.el9?arch=x86_64&distro=centos-9&epoch=…&upstream=…`; see the
/// package-url specification and its rpm type definition.
public enum PackageURL {
    /// - Parameters:
    ///   - distribution: os-release's ID, the namespace.
    ///   - distributionVersion: os-release's VERSION_ID, empty where there is none.
    public static func rpm(
        _ package: NEVRA, distribution: String, distributionVersion: String, sourcePackage: String? = nil
    ) -> String {
        let namespace = distribution.lowercased()
        var qualifiers = ["arch=\(encoded(package.arch))"]
        if !namespace.isEmpty {
            let version = distributionVersion.isEmpty ? "" : "-\(distributionVersion)"
            qualifiers.append("distro=\(encoded(namespace + version))")
        }
        if package.epoch != 0 { qualifiers.append("epoch=\(package.epoch)") }
        if let sourcePackage { qualifiers.append("upstream=\(encoded(sourcePackage))") }
        let owner = namespace.isEmpty ? "" : encoded(namespace) + "/"
        return "pkg:rpm/\(owner)\(encoded(package.name))@\(encoded("\(package.version)-\(package.release)"))?"
            + qualifiers.joined(separator: "&")
    }

    /// Percent-encoded but for letters, digits and `.-_~:`.
    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e, 0x3a:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}
