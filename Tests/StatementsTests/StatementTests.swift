import FoundationEssentials
import Model
import Testing

@testable import Statements

@Suite struct StatementTests {
    private static let bash = NEVRA(name: "bash", epoch: 0, version: "5.1.8", release: "9.el9", arch: "x86_64")
    private static let licences = LicenceList("# a list\nMIT\nGPL-3.0-or-later\nClasspath-exception-2.0\n")

    @Test("a package URL names distribution, architecture, epoch and source package, percent-encoded")
    func packageURLs() {
        #expect(
            PackageURL.rpm(
                Self.bash, distribution: "centos", distributionVersion: "9", sourcePackage: "bash-5.1.8-9.el9.src.rpm")
                == "pkg:rpm/centos/bash@5.1.8-9.el9?arch=x86_64&distro=centos-9&upstream=bash-5.1.8-9.el9.src.rpm")
        let gxx = NEVRA(name: "libstdc++", epoch: 2, version: "12~rc^1", release: "1", arch: "i686")
        #expect(
            PackageURL.rpm(gxx, distribution: "Demo", distributionVersion: "")
                == "pkg:rpm/demo/libstdc%2B%2B@12~rc%5E1-1?arch=i686&distro=demo&epoch=2")
    }

    @Test(
        "a licence is an SPDX expression only where every word of it is one",
        arguments: [
            ("MIT", true), ("GPL-3.0-or-later AND (MIT OR MIT)", true),
            ("GPL-3.0-or-later WITH Classpath-exception-2.0", true), ("GPLv2+ and LGPLv2+", false), ("MIT AND", false),
            ("MIT MIT", false), ("(MIT", false), ("", false), ("AND MIT", false), ("MIT)", false),
        ])
    func licenceExpressions(text: String, isExpression: Bool) {
        #expect(Self.licences.read(text) == (isExpression ? .expression(text) : .words(text)))
    }

    @Test("the same subject gives the same SPDX document, and each licence in other words is told once")
    func spdx() throws {
        var other = InstalledPackage(nevra: Self.bash, licence: "GPLv3+", summary: "a shell")
        other.nevra.name = "sh"
        let subject = StatementSubject(
            name: "base", digest: nil, distribution: "centos", distributionVersion: "9", created: 0,
            packages: [InstalledPackage(nevra: Self.bash, licence: "GPLv3+", summary: "a shell"), other])
        let one = SPDXDocument(subject, licences: Self.licences, version: "1")
        #expect(try JSONEncoder().encode(one).count == JSONEncoder().encode(one).count)
        #expect(one.documentNamespace == SPDXDocument(subject, licences: Self.licences, version: "1").documentNamespace)
        #expect(one.creationInfo.created == "1970-01-01T00:00:00Z")
        #expect(one.hasExtractedLicensingInfos?.count == 1)
        #expect(Set(one.packages.map(\.SPDXID)).count == 3)
        var later = subject
        later.packages.removeLast()
        #expect(SPDXDocument(later, licences: Self.licences, version: "1").documentNamespace != one.documentNamespace)
    }
}
