internal import Model

/// A CycloneDX 1.6 bill of materials in its JSON form; see ECMA-424 and its JSON schema.
public struct CycloneDXDocument: Encodable, Sendable {
    struct Hash: Encodable, Sendable {
        var alg: String
        var content: String
    }
    struct LicenceChoice: Encodable, Sendable {
        struct Named: Encodable, Sendable { var name: String }
        var expression: String?
        var license: Named?
    }
    struct Supplier: Encodable, Sendable { var name: String }
    struct Reference: Encodable, Sendable {
        var type: String
        var url: String
    }
    struct Property: Encodable, Sendable {
        var name: String
        var value: String
    }
    struct Component: Encodable, Sendable {
        enum CodingKeys: String, CodingKey {
            case type, reference = "bom-ref", name, version, supplier, description, purl, hashes, licenses, externalReferences
            case properties, components
        }
        var type: String
        var reference: String
        var name: String
        var version: String?
        var supplier: Supplier?
        var description: String?
        var purl: String?
        var hashes: [Hash]?
        var licenses: [LicenceChoice]?
        var externalReferences: [Reference]?
        var properties: [Property]?
        /// A package's files.
        var components: [Component]?
    }
    struct Tools: Encodable, Sendable { var components: [Component] }
    struct Metadata: Encodable, Sendable {
        var timestamp: String
        var tools: Tools
        var component: Component
    }
    struct Dependency: Encodable, Sendable {
        var ref: String
        var dependsOn: [String]
    }

    var bomFormat = "CycloneDX"
    var specVersion = "1.6"
    var serialNumber: String
    var version = 1
    var metadata: Metadata
    var components: [Component]
    var dependencies: [Dependency]

    /// - Parameter version: provision's own.
    public init(_ subject: StatementSubject, licences: LicenceList, version: String) {
        serialNumber = "urn:uuid:\(StatementIdentity.uuid(of: subject, kind: "cyclonedx"))"
        let root = Component(
            type: "operating-system", reference: "root", name: subject.name, version: subject.digest?.description,
            description: "a root file system of \(subject.distribution) packages")
        metadata = Metadata(
            timestamp: StatementIdentity.time(subject.created),
            tools: Tools(components: [
                Component(type: "application", reference: "provision", name: "provision", version: version)
            ]), component: root)
        components = subject.packages.map { Self.component($0, subject, licences) }
        dependencies = [Dependency(ref: root.reference, dependsOn: components.map(\.reference))]
    }

    private static func component(
        _ package: InstalledPackage, _ subject: StatementSubject, _ licences: LicenceList
    ) -> Component {
        let nevra = package.nevra
        let purl = PackageURL.rpm(
            nevra, distribution: subject.distribution, distributionVersion: subject.distributionVersion,
            sourcePackage: package.sourcePackage)
        var properties: [Property] = []
        if let source = package.sourcePackage { properties.append(Property(name: "rpm:sourcerpm", value: source)) }
        if let repository = package.repository { properties.append(Property(name: "rpm:repository", value: repository)) }
        if let location = package.location { properties.append(Property(name: "rpm:location", value: location)) }
        return Component(
            type: "library", reference: purl, name: nevra.name, version: nevra.evr,
            supplier: package.vendor.map(Supplier.init), description: package.summary.isEmpty ? nil : package.summary,
            purl: purl, hashes: package.checksum.map { [Hash($0)] }, licenses: choice(package.licence, licences),
            externalReferences: package.homepage.flatMap { url in
                StatementIdentity.isURL(url) ? [Reference(type: "website", url: url)] : nil
            }, properties: properties.isEmpty ? nil : properties,
            components: package.files.isEmpty
                ? nil
                : package.files.map {
                    Component(type: "file", reference: "\(purl)#\($0.path)", name: $0.path, hashes: [Hash($0.sha256)])
                })
    }

    private static func choice(_ licence: String, _ licences: LicenceList) -> [LicenceChoice]? {
        if licence.isEmpty { return nil }
        switch licences.read(licence) {
        case .expression(let text): return [LicenceChoice(expression: text)]
        case .words(let text): return [LicenceChoice(license: .init(name: text))]
        }
    }
}

extension CycloneDXDocument.Hash {
    init(_ digest: ContentDigest) {
        let name = digest.algorithm == .md5 ? "MD5" : "SHA-" + digest.algorithm.rawValue.dropFirst(3)
        self.init(alg: name, content: digest.hex)
    }
}
