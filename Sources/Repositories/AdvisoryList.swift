public import Diagnostics
public import Model

/// A repository's updateinfo.xml: which packages were released to repair what.
public struct AdvisoryList: Sendable, Equatable {
    private var byPackage: [NEVRA: [Advisory]] = [:]

    /// Bytes at most, unpacked; Fedora's has some 20 MB.
    static let limit = 256 << 20

    public init() {}

    /// - Parameter source: what messages call the document.
    /// - Throws: `.failed` where it isn't well-formed or beyond the reader's bounds.
    public init(parsing document: [UInt8], source: String) throws(ProvisionError) {
        let visitor = AdvisoryVisitor()
        try XMLReader.read(document, source: source, into: visitor)
        byPackage = visitor.byPackage
    }

    /// The advisories that name this very package, in the document's order.
    public subscript(package: NEVRA) -> [Advisory] { byPackage[package] ?? [] }
}

/// Source: the format that Fedora's bodhi and Red Hat's errata write, which libsolv's repo_updateinfoxml.c reads too.
private final class AdvisoryVisitor: XMLVisitor {
    var byPackage: [NEVRA: [Advisory]] = [:]
    private var current = Advisory(id: "", type: "")
    private var packages: [NEVRA] = []

    func begin(_ path: [String], attributes: [String: String]) throws(ProvisionError) {
        switch path.dropFirst().joined(separator: "/") {
        case "update":
            current = Advisory(id: "", type: attributes["type"] ?? "")
            packages = []
        case "update/issued": current.issued = attributes["date"] ?? ""
        case "update/pkglist/collection/package":
            guard let name = attributes["name"], let version = attributes["version"], let release = attributes["release"],
                let arch = attributes["arch"]
            else { return }
            packages.append(
                NEVRA(
                    name: name, epoch: attributes["epoch"].flatMap(UInt32.init) ?? 0, version: version, release: release,
                    arch: arch))
        default: break
        }
    }

    func end(_ path: [String], text: String) throws(ProvisionError) {
        switch path.dropFirst().joined(separator: "/") {
        case "update/id": current.id = text
        case "update/title": current.title = text
        case "update/severity": current.severity = text == "None" ? "" : text
        case "update":
            for package in packages where !byPackage[package, default: []].contains(current) {
                byPackage[package, default: []].append(current)
            }
        default: break
        }
    }
}
