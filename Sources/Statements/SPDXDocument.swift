internal import Model
internal import System

/// An SPDX 2.3 document in its JSON form; see the specification's clauses 6 to 11 and its JSON schema.
public struct SPDXDocument: Encodable, Sendable {
    struct CreationInfo: Encodable, Sendable {
        var created: String
        var creators: [String]
    }
    struct Checksum: Encodable, Sendable {
        var algorithm: String
        var checksumValue: String
    }
    struct VerificationCode: Encodable, Sendable { var packageVerificationCodeValue: String }
    struct Reference: Encodable, Sendable {
        var referenceCategory = "PACKAGE-MANAGER"
        var referenceType = "purl"
        var referenceLocator: String
    }
    struct Package: Encodable, Sendable {
        var SPDXID: String
        var name: String
        var versionInfo: String?
        var supplier = "NOASSERTION"
        var downloadLocation = "NOASSERTION"
        var filesAnalyzed = false
        var packageVerificationCode: VerificationCode?
        var checksums: [Checksum]?
        var sourceInfo: String?
        var homepage: String?
        var summary: String?
        var comment: String?
        var licenseConcluded = "NOASSERTION"
        var licenseDeclared: String
        var copyrightText = "NOASSERTION"
        var externalRefs: [Reference]?
        var primaryPackagePurpose: String?
    }
    struct File: Encodable, Sendable {
        var SPDXID: String
        var fileName: String
        var checksums: [Checksum]
        var licenseConcluded = "NOASSERTION"
        var licenseInfoInFiles = ["NOASSERTION"]
        var copyrightText = "NOASSERTION"
    }
    struct Relationship: Encodable, Sendable {
        var spdxElementId: String
        var relationshipType: String
        var relatedSpdxElement: String
    }
    struct ExtractedLicence: Encodable, Sendable {
        var licenseId: String
        var extractedText: String
        var name: String
    }

    var spdxVersion = "SPDX-2.3"
    var dataLicense = "CC0-1.0"
    var SPDXID = "SPDXRef-DOCUMENT"
    var name: String
    var documentNamespace: String
    var creationInfo: CreationInfo
    var packages: [Package]
    var files: [File]?
    var relationships: [Relationship]
    var hasExtractedLicensingInfos: [ExtractedLicence]?

    /// - Parameter version: provision's own.
    public init(_ subject: StatementSubject, licences: LicenceList, version: String) {
        name = subject.name
        documentNamespace = "urn:uuid:\(StatementIdentity.uuid(of: subject, kind: "spdx"))"
        creationInfo = CreationInfo(
            created: StatementIdentity.time(subject.created), creators: ["Tool: provision-\(version)"])
        var names = UniqueNames()
        var words = LicenceReferences(licences)
        let root = Package(
            SPDXID: "SPDXRef-Root", name: subject.name,
            versionInfo: subject.digest.map { $0.description },
            comment: "a root file system of \(subject.distribution) packages",
            licenseDeclared: "NOASSERTION", primaryPackagePurpose: "OPERATING-SYSTEM")
        packages = [root]
        relationships = [
            Relationship(spdxElementId: SPDXID, relationshipType: "DESCRIBES", relatedSpdxElement: root.SPDXID)
        ]
        var files: [File] = []
        for package in subject.packages {
            let nevra = package.nevra
            let id = names.name("SPDXRef-Package-", nevra.description)
            packages.append(
                Package(
                    SPDXID: id, name: nevra.name, versionInfo: nevra.evr,
                    supplier: package.vendor.map { "Organization: \($0)" } ?? "NOASSERTION",
                    filesAnalyzed: !package.files.isEmpty, packageVerificationCode: VerificationCode(of: package.files),
                    checksums: package.checksum.map { [Checksum($0)] },
                    sourceInfo: package.sourcePackage.map { "built from \($0)" },
                    homepage: package.homepage.flatMap { StatementIdentity.isURL($0) ? $0 : nil },
                    summary: package.summary.isEmpty ? nil : package.summary,
                    comment: package.location.flatMap { location in
                        package.repository.map { "\(location) of the repository \($0)" }
                    },
                    licenseDeclared: words.declared(package.licence),
                    externalRefs: [
                        Reference(
                            referenceLocator: PackageURL.rpm(
                                nevra, distribution: subject.distribution,
                                distributionVersion: subject.distributionVersion, sourcePackage: package.sourcePackage))
                    ]))
            relationships.append(
                Relationship(spdxElementId: root.SPDXID, relationshipType: "CONTAINS", relatedSpdxElement: id))
            for file in package.files {
                let fileID = names.name("SPDXRef-File-", file.path)
                files.append(
                    File(SPDXID: fileID, fileName: ".\(file.path)", checksums: [Checksum(file.sha1), Checksum(file.sha256)]))
                relationships.append(
                    Relationship(spdxElementId: id, relationshipType: "CONTAINS", relatedSpdxElement: fileID))
            }
        }
        self.files = files.isEmpty ? nil : files
        hasExtractedLicensingInfos = words.extracted.isEmpty ? nil : words.extracted
    }
}

extension SPDXDocument.Checksum {
    init(_ digest: ContentDigest) {
        self.init(algorithm: digest.algorithm.rawValue.uppercased(), checksumValue: digest.hex)
    }
}

extension SPDXDocument.VerificationCode {
    /// Over the files' sorted sha1 digests (SPDX 2.3, clause 7.9); nil where there are none.
    init?(of files: [InstalledPackage.File]) {
        if files.isEmpty { return nil }
        guard var digester = try? Digester(.sha1) else { return nil }
        for hex in files.map(\.sha1.hex).sorted() { digester.update(hex) }
        self.init(packageVerificationCodeValue: digester.finalize().hex)
    }
}

/// Names that may hold letters, digits, dots and hyphens only, each once.
private struct UniqueNames {
    private var used: [String: Int] = [:]

    mutating func name(_ prefix: String, _ text: String) -> String {
        let plain = prefix + String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "-" })
        let count = used[plain, default: 0]
        used[plain] = count + 1
        return count == 0 ? plain : "\(plain)-\(count)"
    }
}

/// Licences in a distribution's own words become references of the document, each text once.
private struct LicenceReferences {
    private let list: LicenceList
    private var ids: [String: String] = [:]
    private(set) var extracted: [SPDXDocument.ExtractedLicence] = []

    init(_ list: LicenceList) { self.list = list }

    mutating func declared(_ licence: String) -> String {
        if licence.isEmpty { return "NOASSERTION" }
        switch list.read(licence) {
        case .expression(let text): return text
        case .words(let text):
            if let id = ids[text] { return id }
            let id = "LicenseRef-rpm-\(ids.count + 1)"
            ids[text] = id
            extracted.append(
                .init(licenseId: id, extractedText: "The package's header says: \(text)", name: text))
            return id
        }
    }
}
