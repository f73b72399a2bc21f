import Diagnostics
import Model
import SystemPackage
import Testing

@testable import Configuration

@Suite("releases are data, read strictly")
struct ReleaseTests {
    @Test("a definition arrives whole")
    func decoding() throws {
        let release = try sample()
        #expect(release.name == "Sample 12")
        #expect(release.releasever == "12")
        #expect(release.architectures == ["x86_64", "aarch64"])
        #expect(release.database == LayerManifest.Database(path: "/var/lib/rpm", backend: "sqlite"))
        #expect(release.manager == .dnf)
        let other = sampleRelease.replacing("\nbase = ", with: "\nmanager = \"yum\"\nbase = ")
        #expect(try Release(id: "s", parsing: other, path: "s.toml").manager == .yum)
        #expect(release.base == ["basesystem", "sample-release"])
        #expect(release.patches == ["machine-id"])
        #expect(release.variables == ["place": "/srv/sample"])
        #expect(release.repositories.map(\.id) == ["os", "updates"])
        #expect(release.repositories.map(\.enabled) == [true, false])
        #expect(release.repositories.map(\.repoGPGCheck) == [true, false])
        let key = KeyReference(url: "file:///srv/KEY", fileName: "KEY", fingerprint: "99DB70FAE1D7CE227FB6488205B555B38483C65D")
        #expect(release.repositories.map(\.keys) == [[key], [key]])
        let updates = release.repositories[1]
        #expect(updates.name == "updates")
        #expect(updates.priority == 10)
        #expect(updates.excludePackages == ["kernel*", "bash"])
        #expect(updates.metadataExpire == 6 * 3600)
    }

    static let mistakes: [(change: String, to: String, message: String, hint: String)] = [
        ("releasever = ", "releasver = ", "s.toml:2: unknown key \"releasver\"", "did you mean \"releasever\"?"),
        ("priority = 10", "priorty = 10", "s.toml:27: unknown key \"priorty\"", "\"priority\""),
        ("backend = \"sqlite\"", "backnd = \"sqlite\"", "s.toml:4: unknown key \"backnd\"", "\"backend\""),
        ("backend = \"sqlite\"", "backend = \"sqlit\"", "s.toml:4: \"sqlit\" is no value of \"backend\"", "\"sqlite\""),
        ("name = \"Sample 12\"", "", "s.toml: the key \"name\" is missing", ""),
        ("enabled = true", "enabled = \"yes\"", "s.toml:18: \"enabled\" is a string, expected true or false", ""),
        ("[\"x86_64\", \"aarch64\"]", "[\"x86-64\"]", "s.toml:3: unknown architecture \"x86-64\"", "\"x86_64\""),
        ("place = ", "basearch = ", "s.toml:8: the variable \"basearch\" is built in", ""),
        (
            "keys = [\"sample\"]\npriority", "keys = [\"simple\"]\npriority", "s.toml:26: there is no key \"simple\"",
            "\"sample\""
        ),
        ("id = \"updates\"", "id = \"os\"", "s.toml:23: the repository id \"os\" is given twice", ""),
        ("99db70", "zzdb70", "s.toml:13: \"zzdb70", "forty"),
        ("file:///srv/KEY", "srv/KEY", "s.toml:11: \"srv/KEY\" is not a URL of a key", ""),
        ("\"6h\"", "\"soon\"", "s.toml:29: \"soon\" is not a value of \"metadata_expire\"", ""),
        ("keys = [\"sample\"]\npriority", "priority", "s.toml:22: repository \"updates\" has gpgcheck on but no keys", ""),
        ("base = [\"basesystem\", \"sample-release\"]", "base = []", "s.toml:5: \"base\" is empty", ""),
        ("\"/var/lib/rpm\"", "\"var/lib/rpm\"", "s.toml:4: \"var/lib/rpm\" is not an absolute path", ""),
        ("patches = ", "patches ", "s.toml:6: ", ""),
        ("base = ", "manager = \"dnff\"\nbase = ", "s.toml:5: \"dnff\" is no value of \"manager\"", "\"dnf\""),
    ]

    @Test("each mistake is found with its line", arguments: mistakes)
    func mistake(_ change: String, _ to: String, _ message: String, _ hint: String) throws {
        #expect(sampleRelease.contains(change))
        let text = sampleRelease.replacing(change, with: to, maxReplacements: 1)
        let error = try failure { try Release(id: "s", parsing: text, path: "s.toml") }
        #expect(error.code == .configuration)
        #expect(error.message.contains(message), "\(error.message)")
        #expect(hint.isEmpty || error.hint?.contains(hint) == true, "the hint is \(error.hint ?? "missing")")
    }

    @Test("an unknown release names the nearest and lists what there is")
    func unknownRelease() throws {
        let catalog = ReleaseCatalog(directory: projectDirectory.appending("repos"))
        let error = try failure { try catalog.load("centos-steam-9") }
        #expect(error.code == .notFound)
        #expect(error.message == "there is no release \"centos-steam-9\"")
        #expect(error.hint?.contains("did you mean \"centos-stream-9\"?") == true)
        #expect(error.hint?.contains("rocky-9") == true)
    }

    @Test("an id can't lead out of the catalogue", arguments: ["../config/settings", "/etc/passwd", ""])
    func escapingID(_ id: String) throws {
        let error = try failure { try ReleaseCatalog(directory: projectDirectory.appending("repos")).load(id) }
        #expect(error.code == .notFound)
    }

    @Test("a catalogue that is missing says how to name another")
    func missingCatalogue() throws {
        let error = try failure { try ReleaseCatalog(directory: "/nonexistent").load("demo") }
        #expect(error.code == .notFound)
        #expect(error.hint?.contains("--config") == true)
    }

    @Test("all shipped releases are there and well-formed", arguments: shippedReleases)
    func shippedDefinitions(_ id: String) throws {
        let release = try shipped(id)
        #expect(release.base.first == "basesystem")
        #expect(release.base.count == 2)
        #expect(release.patches == ["pam-selinux", "pam-loginuid", "machine-id", "securetty", "resolv-conf"])
        for repository in release.repositories {
            #expect(repository.gpgcheck)
            #expect(repository.keys.allSatisfy { $0.fingerprint != nil && $0.fileName != nil })
        }
        #expect(release.repositories.filter(\.enabled).count >= 1)
        #expect(release.repositories.first { $0.id == "epel" }?.enabled != true)
        let build = BuildConfiguration(release: release)
        #expect(build.notes.isEmpty)
        for repository in try build.effectiveRepositories() {
            #expect(
                (repository.baseURLs + [repository.metalink, repository.mirrorlist].compactMap { $0 }).allSatisfy {
                    !$0.contains("$")
                })
        }
    }

    @Test("the catalogue lists what is shipped")
    func ids() throws {
        let ids = try ReleaseCatalog(directory: projectDirectory.appending("repos")).ids()
        #expect(ids.filter { $0 != "demo" } == shippedReleases)
    }

    @Test("the installation's settings name a release that is there")
    func settings() throws {
        let settings = try Settings(reading: projectDirectory.appending("config/settings.toml"))
        #expect(settings.release == "centos-stream-9")
        #expect(settings.jobs >= 1)
        #expect(try shipped(settings.release).name == "CentOS Stream 9")
    }

    @Test("settings are read strictly")
    func wrongSettings() throws {
        let error = try failure {
            try Settings(document: StrictDocument(parsing: "release = \"x\"\njob = 2", path: "settings.toml"))
        }
        #expect(error.message == "settings.toml:2: unknown key \"job\"")
        #expect(error.hint == "did you mean \"jobs\"?")
    }
}
