import System
import SystemPackage
import Testing

@Suite("a hostile server: the files beside primary")
struct HostileFilesTests {
    /// More than the settings allow a file to unpack to.
    private static func bomb(_ start: String, _ filler: String, _ end: String) throws -> [UInt8] {
        let count = HostileFixture.limits.open * 4 / filler.utf8.count
        let text = start + String(repeating: filler, count: count) + end
        return try runChecked(["gzip", "-c"], input: Array(text.utf8)).standardOutput
    }

    @Test(
        "a location of a package that leads out of the repository", arguments: ["../../etc/passwd", "/etc/passwd", "%2e%2e/x"])
    func packageLocation(location: String) throws {
        let fixture = try HostileFixture()
        let package = HostileRepository.package(0).replacing("href=\"hello-1-1.noarch.rpm\"", with: "href=\"\(location)\"")
        fixture.repository.primary = Array((HostileRepository.primaryStart + package + "</metadata>").utf8)
        try fixture.repository.write()
        try fixture.refusal(4, "the location \\\"\(location)\\\"", "is refused", command: "base")
        try fixture.recovers()
    }

    @Test("a base of a package's location that would have files of this host read")
    func packageBase() throws {
        let fixture = try HostileFixture()
        let package = HostileRepository.package(0).replacing("<location href", with: "<location xml:base=\"file:///etc\" href")
        fixture.repository.primary = Array((HostileRepository.primaryStart + package + "</metadata>").utf8)
        try fixture.repository.write()
        try fixture.refusal(4, "the base \\\"file:///etc\\\"", "is refused", command: "base")
        try fixture.recovers()
    }

    @Test("groups that unpack to more than what is accepted, or are nested without end")
    func groups() throws {
        let fixture = try HostileFixture()
        fixture.repository.others = [
            ("group_gz", "comps.xml.gz", try Self.bomb("<comps>", "<group><id>core</id></group>", "</comps>"))
        ]
        try fixture.repository.write()
        try fixture.refusal(4, "the comps file of repository", "unpacks to more than", asking: "@core")
        fixture.repository.others = [("group", "comps.xml", Array(("<comps>" + String(repeating: "<a>", count: 99_999)).utf8))]
        fixture.repository.timestamp += 1
        try fixture.repository.write()
        try fixture.refusal(1, "repository \\\"os\\\"", "nested too deeply", asking: "@core")
        fixture.repository.others = []
        try fixture.recovers()
    }

    @Test("modules that unpack to more than what is accepted, stand for ever more of themselves, or are nested without end")
    func modules() throws {
        let fixture = try HostileFixture()
        let filler = "---\ndocument: modulemd\nversion: 2\ndata: {name: a, stream: b, version: 1}\n...\n"
        let aliases = (1..<40).reduce("a0: &a0 [x, x]\n") { $0 + "a\($1): &a\($1) [*a\($1 - 1), *a\($1 - 1)]\n" }
        let deep = String(repeating: "[", count: 200_000)
        let tricks: [(name: String, content: [UInt8], status: Int32, words: String)] = [
            ("modules.yaml.gz", try Self.bomb("", filler, ""), 4, "unpacks to more than"),
            ("modules.yaml", Array(deep.utf8), 1, "is nested more than"),
            // Nothing is wrong with them as long as nobody follows them all.
            ("modules.yaml", Array((filler + "---\n" + aliases + "...\n").utf8), 0, "hello"),
        ]
        for trick in tricks {
            fixture.repository.others = [("modules", trick.name, trick.content)]
            fixture.repository.timestamp += 1
            try fixture.repository.write()
            if trick.status == 0 {
                let run = try fixture.plan()
                #expect(run.status == 0, "\(run.output)\(run.errors)")
                #expect(run.peakMemory < HostileFixture.maximumMemory)
            } else {
                try fixture.refusal(trick.status, "modules", trick.words)
            }
        }
        fixture.repository.others = []
        try fixture.recovers()
    }

    @Test("file lists without end, that unpack to too much, or with entities")
    func filelists() throws {
        let fixture = try HostileFixture()
        let small = Array("<filelists xmlns=\"http://linux.duke.edu/metadata/filelists\" packages=\"0\"></filelists>".utf8)
        let entities = Array("<!DOCTYPE x [<!ENTITY a \"b\">]><filelists>&a;</filelists>".utf8)
        let filler = "<package pkgid=\"\(String(repeating: "0", count: 64))\" name=\"a\" arch=\"noarch\"/>"
        let tricks: [(content: [UInt8], endless: Bool, words: String)] = [
            (small, true, "longer than"), (try Self.bomb("<filelists>", filler, "</filelists>"), false, "unpacks to more than"),
            (entities, false, "declares a document type"),
        ]
        for (number, trick) in tricks.enumerated() {
            let name = number == 1 ? "filelists.xml.gz" : "filelists.xml"
            fixture.repository.others = [("filelists", name, trick.content)]
            fixture.repository.timestamp += 1
            try fixture.repository.write()
            if trick.endless { fixture.server.misbehave("/os/repodata/\(name)", .endless) }
            try fixture.refusal(4, trick.words, asking: "/usr/share/nobody/knows")
            fixture.server.behave()
        }
        fixture.repository.others = []
        try fixture.recovers()
    }

    @Test("advisories without end or with entities are told, and cost nothing else")
    func advisories() throws {
        let fixture = try HostileFixture()
        let laughs = Array("<!DOCTYPE x [<!ENTITY a \"b\">]><updates>&a;</updates>".utf8)
        for (content, endless) in [(laughs, false), (Array("<updates/>".utf8), true)] {
            fixture.repository.others = [("updateinfo", "updateinfo.xml", content)]
            fixture.repository.timestamp += 1
            try fixture.repository.write()
            if endless { fixture.server.misbehave("/os/repodata/updateinfo.xml", .endless) }
            let run = try fixture.run(["info", "hello"])
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(run.errors.contains("the advisories of repository \"os\" can't be had"), "\(run.errors)")
            #expect(run.peakMemory < HostileFixture.maximumMemory)
            fixture.server.behave()
        }
        fixture.repository.others = []
        try fixture.recovers()
    }

    @Test("a mirror list or metalink without end, or with entities")
    func mirrorLists() throws {
        let fixture = try HostileFixture()
        try Files.write(
            "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"b\">]><metalink><files>&a;</files></metalink>",
            to: fixture.directory.path.appending("served/list"))
        for endless in [false, true] {
            if endless { fixture.server.misbehave("/list", .endless) }
            for key in ["metalink", "mirrorlist"] {
                let run = try fixture.plan("--setopt", "os.baseurl=", "--setopt", "os.\(key)=\(fixture.server.url)/list")
                #expect(run.status == 5, "\(run.output)\(run.errors)")
                #expect(run.output.contains("repository \\\"os\\\""))
                #expect(run.output.contains(endless ? "longer than" : "declares XML entities"), "\(run.output)")
                #expect(run.peakMemory < HostileFixture.maximumMemory)
            }
        }
        try fixture.recovers()
    }
}
