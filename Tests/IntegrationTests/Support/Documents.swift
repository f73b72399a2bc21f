/// `base`, `app` and `plan` under --json, as far as tests look at it.
struct BuildDocument: Decodable {
    struct Package: Decodable, Equatable {
        var name: String
        var version: String
        var release: String
        var arch: String
        var epoch: Int
        var repo: String
        var location: String?
        var sha256: String?
        var size: UInt64
        var installedSize: UInt64
        var reason: String
        var requiredBy: String?

        /// As `rpm -qa --qf '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}'` writes it.
        var label: String { "\(name)-\(epoch):\(version)-\(release).\(arch)" }
    }
    struct Patch: Decodable {
        var name: String
        var outcome: String
        var detail: String
    }

    var name: String
    var kind: String
    var release: String
    var path: String?
    var digest: String?
    var reused: Bool
    var packages: [Package]
    var downloadBytes: UInt64
    var downloadedBytes: UInt64
    var installedBytes: UInt64
    var layerBytes: UInt64?
    var patches: [Patch]
    var warnings: [String]
    var seconds: [String: Double]
}

struct ErrorDocument: Decodable {
    struct Body: Decodable {
        var code: String
        var message: String
        var hint: String?
        var causes: [String]
    }
    var error: Body
}

struct ListingDocument: Decodable {
    struct Layer: Decodable {
        var name: String
        var size: UInt64
        var digest: String
        var parent: String?
    }
    var layers: [Layer]
}
