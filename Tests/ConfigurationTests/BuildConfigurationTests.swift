import Diagnostics
import Model
import SystemPackage
import Testing

@testable import Configuration

@Suite("a build's configuration: release, yum.conf and options")
struct BuildConfigurationTests {
    @Test("a release's yum.conf is read back to the equal configuration", arguments: shippedReleases)
    func roundTrip(_ id: String) throws {
        let release = try shipped(id)
        let build = BuildConfiguration(release: release)
        let text = yumConfiguration(of: build)
        let file = try parse(text)
        #expect(file.releaseID == id)
        #expect(BuildConfiguration(file: file, release: release) == build)
        let catalog = ReleaseCatalog(directory: projectDirectory.appending("repos"))
        #expect(try BuildConfiguration.load(text: text, releaseID: id, name: "layer", catalog: catalog) == build)
        #expect(yumConfiguration(of: BuildConfiguration(file: file, release: release)) == text)
    }

    @Test("the same with every option changed, passwords included on request")
    func roundTripOfChanges() throws {
        var overrides = Overrides()
        overrides.releasever = "13"
        overrides.architecture = "aarch64"
        overrides.addedRepositories = ["extra=/srv/extra"]
        overrides.enabledRepositories = ["updates"]
        overrides.settings = [
            "timeout=5", "password=p", "os.proxy=http://u:pw@proxy:3128", "*.priority=3", "metadata_expire=never",
            "tsflags=nodocs", "exclude=vim", "includepkgs=*", "throttle=1k", "retries=0", "ip_resolve=6", "proxy_password=x",
            "override_install_langs=en,es", "group_package_types=mandatory", "multilib_policy=all", "max_parallel_downloads=3",
        ]
        overrides.excludePackages = ["emacs"]
        var build = BuildConfiguration(release: try sample())
        try build.apply(overrides)
        let text = yumConfiguration(of: build, includingSecrets: true)
        #expect(BuildConfiguration(file: try parse(text), release: try sample()) == build)
    }

    @Test("passwords stay out of a yum.conf that goes into a root")
    func secrets() throws {
        var build = BuildConfiguration(release: try sample())
        var overrides = Overrides()
        overrides.settings = [
            "password=hunter2", "os.proxy=http://user:hunter2@proxy/", "os.baseurl=https://me:hunter2@h/$basearch",
        ]
        try build.apply(overrides)
        let text = yumConfiguration(of: build)
        #expect(!text.contains("hunter2"))
        #expect(text.contains("http://user@proxy/"))
        #expect(text.contains("https://me@h/$basearch"))
        _ = try parse(text)
    }

    @Test("variables are not expanded in the written file")
    func writtenVariables() throws {
        #expect(yumConfiguration(of: BuildConfiguration(release: try sample())).contains("file://$place/os/$basearch/"))
    }

    @Test("with a yum.conf alone the system is neutral")
    func custom() throws {
        let build = BuildConfiguration(file: try parse("[r]\nbaseurl=http://h/$releasever/"), release: nil)
        #expect(build.releaseID == "custom")
        #expect(build.database == LayerManifest.Database(path: "/var/lib/rpm", backend: "sqlite"))
        #expect(build.architecture == .host)
        #expect(build.releasever == nil)
        #expect(build.defaultPatches == nil)
        #expect(build.notes == ["the variable \"$releasever\" of repository \"r\" is not known and stays as it is"])
        #expect(
            BuildConfiguration(file: try parse(yumConfiguration(of: build)), release: nil).repositories == build.repositories)
    }

    @Test("with a yum.conf and a release the repositories come from the file, the rest from the release")
    func both() throws {
        let build = BuildConfiguration(
            file: try parse("[r]\nbaseurl=http://h/$releasever$place\ngpgcheck=0"), release: try sample())
        #expect(build.releaseID == "sample")
        #expect(build.baseSpecs == ["basesystem", "sample-release"])
        #expect(build.defaultPatches == ["machine-id"])
        #expect(try build.effectiveRepositories().map(\.baseURLs) == [["http://h/12/srv/sample"]])
    }

    @Test("a file written for another release is used, and that is noted")
    func otherRelease() throws {
        let file = try parse("# provision: release demo\n[r]\nbaseurl=http://h/")
        #expect(
            BuildConfiguration(file: file, release: try sample()).notes
                == ["yum.conf: written for the release \"demo\", used with \"sample\""])
    }

    @Test("only enabled repositories take part, expanded, with [main]'s filters")
    func effective() throws {
        var build = BuildConfiguration(release: try sample())
        build.main.excludePackages = ["vim"]
        build.main.includePackages = ["a*"]
        let effective = try build.effectiveRepositories()
        #expect(effective.map(\.id) == ["os"])
        #expect(effective[0].name == "Sample 12 - \(Architecture.host.basearch)")
        #expect(effective[0].excludePackages == ["vim"])
        #expect(effective[0].includePackages == ["a*"])
    }

    @Test("a mirror list whose URL speaks of a metalink is one, as yum guesses")
    func guessedMetalink() throws {
        let file = try parse("[r]\nmirrorlist=https://h/metalink?repo=epel-7&arch=$basearch\ngpgcheck=0")
        let build = BuildConfiguration(file: file, release: nil)
        let effective = try build.effectiveRepositories()
        #expect(effective.map(\.mirrorlist) == [nil])
        #expect(effective[0].metalink?.hasPrefix("https://h/metalink?repo=epel-7") == true)
        #expect(yumConfiguration(of: build).contains("mirrorlist=https://h/metalink"))
    }

    @Test("-c alone takes the release that the file names, --release another, and without either it is neutral")
    func loading() throws {
        let directory = try Scratch()
        let catalog = ReleaseCatalog(directory: projectDirectory.appending("repos"))
        let written = directory.path.appending("written.conf")
        let plain = directory.path.appending("plain.conf")
        try directory.write(yumConfiguration(of: BuildConfiguration(release: try shipped("rocky-9"))), to: "written.conf")
        try directory.write("[r]\nbaseurl=http://h/", to: "plain.conf")
        func id(_ release: String?, _ file: FilePath?) throws -> String {
            try BuildConfiguration.load(release: release, file: file, fallback: "centos-7", catalog: catalog).releaseID
        }
        #expect(try id(nil, nil) == "centos-7")
        #expect(try id("rocky-8", nil) == "rocky-8")
        #expect(try id(nil, plain) == "custom")
        #expect(try id(nil, written) == "rocky-9")
        #expect(try id("rocky-8", written) == "rocky-8")
        #expect(try failure { try id("rocky-7", plain) }.code == .notFound)
    }

    @Test("a repository that must be checked needs a key")
    func missingKey() throws {
        let build = BuildConfiguration(file: try parse("[r]\nbaseurl=http://h/"), release: nil)
        let error = try failure { try build.effectiveRepositories() }
        #expect(error.code == .configuration)
        #expect(error.message == "repository \"r\" has gpgcheck on, but no key to check with")
    }

    @Test("no enabled repository is an error")
    func nothingEnabled() throws {
        let build = BuildConfiguration(file: try parse("[r]\nbaseurl=http://h/\nenabled=0"), release: nil)
        #expect(try failure { try build.effectiveRepositories() }.hint == "enable one: --enable-repo r")
    }

    @Test("each way around checks is told, by repository")
    func warnings() throws {
        let file = try parse(
            """
            [a]
            baseurl=http://h/
            gpgcheck=0
            [b]
            baseurl=https://h/
            gpgkey=http://h/KEY
            sslverify=0
            [off]
            baseurl=http://h/
            gpgcheck=0
            enabled=0
            """)
        let texts = BuildConfiguration(file: file, release: nil).warnings.map(\.text)
        #expect(texts.count == 3)
        #expect(texts[0].contains("\"a\"") && texts[0].contains("gpgcheck"))
        #expect(texts[1].contains("\"b\"") && texts[1].contains("sslverify"))
        #expect(texts[2].contains("\"b\"") && texts[2].contains("plain HTTP"))
    }

    @Test("the fingerprint changes with what decides the result, and with nothing else")
    func fingerprint() throws {
        let build = BuildConfiguration(release: try sample())
        func changed(_ setting: String) throws -> Bool {
            var other = build
            var overrides = Overrides()
            overrides.settings = [setting]
            try other.apply(overrides)
            return other.fingerprint != build.fingerprint
        }
        for setting in [
            "best=0", "exclude=vim", "tsflags=nodocs", "os.priority=1", "os.gpgcheck=0", "updates.enabled=1", "releasever=13",
        ] {
            #expect(try changed(setting), "\(setting)")
        }
        for setting in [
            "timeout=5", "os.name=other", "metadata_expire=never", "updates.priority=1", "password=p", "debuglevel=3",
        ] {
            #expect(try !changed(setting), "\(setting)")
        }
    }

    @Test("it survives JSON")
    func coding() throws {
        let build = BuildConfiguration(release: try sample())
        #expect(try decoded(build) == build)
    }
}
