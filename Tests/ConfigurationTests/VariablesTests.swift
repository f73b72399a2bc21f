import Testing

@testable import Configuration

@Suite("variables")
struct VariablesTests {
    let variables = Variables(
        releasever: "9.4", architecture: Architecture.named("x86_64")!, others: ["stream": "yes", "empty": "", "arch": "mine"])

    @Test(
        "are replaced as dnf does",
        arguments: [
            ("http://h/$releasever/$basearch/", "http://h/9.4/x86_64/"),
            ("$releasever_major-$releasever_minor", "9-4"),
            ("${releasever}x", "9.4x"),
            ("$arch", "x86_64"),
            ("${stream:+-stream}${empty:+no}", "-stream"),
            ("${empty:-word}${missing:-${releasever_major}}${stream:-no}", "word9yes"),
            ("$missing/${missing}", "$missing/${missing}"),
            ("a$b$", "a$b$"),
            ("${stream:?x}", "${stream:?x}"),
            ("${stream:-open", "${stream:-open"),
            ("${}", "${}"),
            ("100$", "100$"),
            ("$releaseverx", "$releaseverx"),
        ])
    func expansion(_ text: String, _ expected: String) {
        #expect(variables.expand(text) == expected)
    }

    @Test("unknown names are told once, and not where a word stands in for them")
    func unknownNames() {
        #expect(variables.unknownNames(in: "$one/$two/$one/${three:-x}/${stream:-$four}") == ["one", "two"])
    }

    @Test("a version without a dot has no minor part")
    func noMinor() {
        let plain = Variables(releasever: "41", architecture: .host)
        #expect(plain.expand("$releasever_major $releasever_minor") == "41 $releasever_minor")
    }

    @Test("without a version $releasever stays, whatever the host is")
    func noVersion() {
        #expect(Variables(releasever: nil, architecture: .host).expand("$releasever") == "$releasever")
    }

    @Test(
        "architectures by yum's and by rpm's name",
        arguments: [
            ("x86_64", "x86_64"), ("i686", "i386"), ("i386", "i386"), ("i586", "i386"), ("aarch64", "aarch64"),
            ("ppc64le", "ppc64le"), ("s390x", "s390x"),
        ])
    func architectures(_ name: String, _ basearch: String) throws {
        let architecture = try #require(Architecture.named(name))
        #expect(architecture.basearch == basearch)
        #expect(architecture.packageArchitectures.last == "noarch")
    }

    @Test("i386 systems have i686 for $arch and hold no x86_64 package")
    func i386() throws {
        let architecture = try #require(Architecture.named("i386"))
        #expect(architecture.native == "i686")
        #expect(!architecture.packageArchitectures.contains("x86_64"))
    }

    @Test("noarch and strangers are no architecture of a system", arguments: ["noarch", "vax", ""])
    func unknownArchitecture(_ name: String) {
        #expect(Architecture.named(name) == nil)
    }
}
