import Configuration
import Glibc
import Model
import System
import SystemPackage
import Testing
import Transfer

@testable import Repositories

/// Keys and metadata of real distributions, which stay out of the project: PROVISION_REAL_DATA names the directory.
private let realData: FilePath? = {
    if let path = getenv("PROVISION_REAL_DATA") { return FilePath(String(cString: path)) }
    print("left out: the tests with real keys and metadata (PROVISION_REAL_DATA is not set)")
    return nil
}()

@Suite("real keys and metadata", .enabled(if: realData != nil))
struct RealDataTests {
    @Test(
        "the keys of distributions have the fingerprints that they are published with",
        arguments: [
            ("CentOS-7", "6341AB2753D78A78A7C27BB124C6A8A7F4A80EB5"),
            ("CentOS-Official", "99DB70FAE1D7CE227FB6488205B555B38483C65D"),
            ("CentOS-Official-SHA256", "99DB70FAE1D7CE227FB6488205B555B38483C65D"),
            ("AlmaLinux-8", "5E9B8F5617B5066CE92057C3488FCF7C3ABB34F8"),
            ("AlmaLinux-8", "BC5EDDCADF502C077F1582882AE81E8ACED7258B"),
            ("AlmaLinux-9", "BF18AC2876178908D6E71267D36CB86CB86B3716"),
            ("Rocky-8", "7051C470A929F454CEBE37B715AF5DAC6D745A60"),
            ("Rocky-9", "21CB256AE16FC54C6E652949702D426D350D275D"),
            ("fedora-41-primary", "466CF2D8B60BC3057AA9453ED0622462E99D6AD1"),
            ("fedora-42-primary", "B0F4950458F69E1150C6C5EDC8AC4916105EF944"),
            ("amazon-linux-2023", "B21C50FA44A99720EAA72F7FE951904AD832C631"),
            ("oracle-ol8", "76FD3DB13AB67410B89DB10E82562EA9AD986DA3"),
            ("oracle-ol9", "3E6D826D3FBAB389C2F38E34BC4D06A08D8B756F"),
            ("EPEL-10", "7D8D15CBFC4E62688591FB2633D98517E37ED158"),
        ])
    func keys(name: String, fingerprint: String) throws {
        let directory = try TemporaryDirectory()
        let keys = try #require(realData).appending("keys")
        let finder = KeyFinder(cache: directory.path, downloader: Downloader(), hostDirectories: [keys])
        let file = "RPM-GPG-KEY-\(name)"
        let found = try finder.find(
            // One of them has expired since; what is looked at here is whose it is.
            KeyReference(url: "https://127.0.0.1:1/\(file)", fileName: file, fingerprint: fingerprint), allowExpired: true)
        #expect(found.map(\.fingerprint) == [fingerprint])
        #expect(found[0].armored.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
    }

    @Test("CentOS Stream 9's AppStream loads as a local repository")
    func appStream() throws {
        let directory = try TemporaryDirectory()
        var configuration = RepositoryConfiguration(id: "appstream", name: "AppStream")
        configuration.baseURLs = ["file://" + (try #require(realData)).appending("centos-stream-9/appstream").string]
        let loader = RepositoryLoader(cache: directory.path, downloader: Downloader())
        let snapshot = try #require(try loader.load([configuration]).first)
        #expect((snapshot.revision, snapshot.timestamp) == ("9-stream", 1_736_761_580))
        #expect(snapshot.primary.openSize == 51_840_420)
        #expect(snapshot.modules != nil && snapshot.updateinfo == nil)
        let comps = try Comps(of: snapshot)
        #expect(comps.groups.count == 63)
        #expect(Files.size(try loader.filelists(of: snapshot)) == 203)
    }

    @Test("BaseOS's comps file has its core group")
    func baseOS() throws {
        let path = try #require(realData).appending("centos-stream-9/baseos/comps.xml")
        let comps = try Comps(parsing: try Files.read(path), source: "comps.xml")
        let core = try #require(comps.group("core"))
        #expect(core.members.contains { $0.name == "bash" && $0.kind == .mandatory })
        #expect(comps.environments.contains { $0.id == "minimal-environment" && $0.groupIDs.contains("core") })
    }
}
