import Diagnostics
import FoundationEssentials
import Model
import Testing

@testable import Configuration

func decoded<Value: Codable>(_ value: Value) throws -> Value {
    try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
}

@Suite("options change a configuration")
struct OverridesTests {
    func build(_ change: (inout Overrides) -> Void) throws -> BuildConfiguration {
        var build = BuildConfiguration(release: try sample())
        var overrides = Overrides()
        change(&overrides)
        try build.apply(overrides)
        return build
    }

    @Test(
        "an architecture that there is not is wrong usage, and the one that may be meant is named",
        arguments: [
            ("x86-64", "x86_64"), ("amd64", "x86_64"), ("arm64", "aarch64"), ("aarch46", "aarch64"), ("x86_46", "x86_64"),
        ])
    func unknownArchitecture(name: String, meant: String) throws {
        let error = #expect(throws: ProvisionError.self) { try build { $0.architecture = name } }
        #expect(error?.code == .usage)
        #expect(error?.message == "--arch: \"\(name)\" is not an architecture")
        #expect(error?.hint == "did you mean \"\(meant)\"?")
    }

    @Test("an architecture like no other is told with all that there are")
    func strangeArchitecture() throws {
        let error = #expect(throws: ProvisionError.self) { try build { $0.architecture = "vax" } }
        #expect(error?.hint == "there are x86_64, aarch64, ppc64le, s390x, i386, riscv64")
    }

    @Test("--releasever and --arch")
    func versionAndArchitecture() throws {
        let build = try build {
            $0.releasever = "13"
            $0.architecture = "aarch64"
        }
        #expect(build.releasever == "13")
        #expect(build.architecture.basearch == "aarch64")
        #expect(try build.effectiveRepositories()[0].name == "Sample 13 - aarch64")
    }

    @Test("--repo adds a repository that checks by the keys of the enabled ones")
    func addedRepository() throws {
        let build = try build { $0.addedRepositories = ["mine=/srv/mine", "other=https://h/$basearch?a=b"] }
        let mine = try #require(build.repositories.first { $0.id == "mine" })
        #expect(mine.baseURLs == ["file:///srv/mine"])
        #expect(mine.gpgcheck)
        #expect(mine.keys.map(\.fingerprint) == ["99DB70FAE1D7CE227FB6488205B555B38483C65D"])
        #expect(build.repositories.last?.baseURLs == ["https://h/$basearch?a=b"])
        #expect(try build.effectiveRepositories().map(\.id) == ["os", "mine", "other"])
    }

    @Test("--disable-repo comes before --enable-repo, with globs")
    func enabling() throws {
        let build = try build {
            $0.disabledRepositories = ["*"]
            $0.enabledRepositories = ["up*"]
        }
        #expect(try build.effectiveRepositories().map(\.id) == ["updates"])
    }

    @Test("--setopt reaches [main] and what inherits from it, but not what a repository states itself")
    func inheritedSetting() throws {
        let build = try build { $0.settings = ["gpgcheck=0", "timeout=7", "updates.timeout=8", "repo_gpgcheck = 0"] }
        #expect(!build.main.gpgcheck)
        #expect(build.repositories.map(\.gpgcheck) == [true, true])
        #expect(build.repositories.map(\.repoGPGCheck) == [true, false])
        #expect(build.repositories.map(\.transport.timeout) == [7, 8])
    }

    @Test("--no-gpgcheck switches all checks off, and warnings name each enabled repository")
    func noChecks() throws {
        let build = try build {
            $0.gpgcheck = false
            $0.enabledRepositories = ["updates"]
        }
        #expect(build.repositories.allSatisfy { !$0.gpgcheck && !$0.repoGPGCheck })
        #expect(build.warnings.count == 2)
    }

    @Test("a setting without effect is noted")
    func notedSetting() throws {
        #expect(try build { $0.settings = ["debuglevel=9"] }.notes.first?.contains("\"debuglevel\" has no effect") == true)
    }

    @Test("--exclude is added to what is excluded already")
    func excludes() throws {
        let build = try build {
            $0.settings = ["exclude=a"]
            $0.excludePackages = ["b"]
        }
        #expect(build.main.excludePackages == ["a", "b"])
    }

    static let mistakes: [(change: @Sendable (inout Overrides) -> Void, message: String, hint: String)] = [
        ({ $0.enabledRepositories = ["update"] }, "--enable-repo: there is no repository \"update\"", "\"updates\""),
        ({ $0.disabledRepositories = ["zzzzz"] }, "there is no repository \"zzzzz\"", "there are os, updates"),
        ({ $0.settings = ["tiemout=1"] }, "--setopt \"tiemout=1\": unknown key \"tiemout\" in [main]", "\"timeout\""),
        ({ $0.settings = ["os.enabld=1"] }, "unknown key \"enabld\" in [os]", "\"enabled\""),
        ({ $0.settings = ["so.enabled=1"] }, "there is no repository \"so\"", "\"os\""),
        ({ $0.settings = ["timeout=x"] }, "\"x\" is not a value of \"timeout\"", ""),
        ({ $0.settings = ["timeout"] }, "is not KEY=VALUE", ""),
        ({ $0.addedRepositories = ["os=http://h/"] }, "there is a repository \"os\" already", ""),
        ({ $0.addedRepositories = ["http://h/"] }, "is not ID=URL", "--repo mine="),
        ({ $0.addedRepositories = ["a/b=http://h/"] }, "is not a repository id", ""),
        ({ $0.addedRepositories = ["a=ftp://h/"] }, "is not a value of \"baseurl\"", ""),
        ({ $0.addedRepositories = ["a="] }, "gives no URL", ""),
        ({ $0.architecture = "s390x" }, "\"Sample 12\" is not made for the architecture \"s390x\"", "x86_64, aarch64"),
        ({ $0.releasever = "../9" }, "is not a version", ""),
    ]

    @Test("mistakes are wrong usage, with what was meant", arguments: mistakes.indices)
    func mistake(_ index: Int) throws {
        let (change, message, hint) = Self.mistakes[index]
        let error = try failure { try build(change) }
        #expect(error.code == .usage)
        #expect(error.message.contains(message), "\(error.message)")
        #expect(hint.isEmpty || error.hint?.contains(hint) == true, "the hint is \(error.hint ?? "missing")")
    }

    @Test(
        "globs",
        arguments: [
            ("epel-testing", "epel*", true), ("a", "?", true), ("ab", "?", false), ("abcbd", "a*b?", true), ("", "*", true),
            ("abc", "a*d", false),
        ])
    func globs(_ text: String, _ glob: String, _ expected: Bool) {
        #expect(matches(text, glob: glob) == expected)
    }
}
