import Glibc
import System
import SystemPackage
import Testing

@Suite("a hostile server: each trick ends in its own error, soon and small, and the cache stays usable")
struct HostileServerTests {
    // MARK: - Amounts

    @Test("an index without end")
    func endlessIndex() throws {
        let fixture = try HostileFixture()
        fixture.server.misbehave("/os/repodata/repomd.xml", .endless)
        try fixture.refusal(4, "os: repomd.xml", "longer than the 1.0 MiB accepted")
        #expect(fixture.server.bytesSent < 64 << 20)
        try fixture.recovers()
    }

    @Test("primary metadata without end, its length told or not", arguments: [true, false])
    func endlessPrimary(statesSize: Bool) throws {
        let fixture = try HostileFixture()
        fixture.repository.statesSize = statesSize
        try fixture.repository.write()
        fixture.server.misbehave("/os" + fixture.repository.primaryPath, .endless)
        try fixture.refusal(4, "os: primary", "longer than")
        #expect(fixture.server.bytesSent < 64 << 20)
        try fixture.recovers()
    }

    @Test("metadata that says that it is larger than what is accepted is not fetched")
    func statedSize() throws {
        let fixture = try HostileFixture()
        fixture.repository.packedPrimary = [UInt8](repeating: 32, count: HostileFixture.limits.metadata + 1)
        try fixture.repository.write()
        try fixture.refusal(4, "primary", "allowed")
        #expect(fixture.server.bytesSent < 100_000)
        try fixture.recovers()
    }

    @Test("a server that lets the bytes drip is given up")
    func drip() throws {
        let fixture = try HostileFixture()
        fixture.server.misbehave("/os/repodata/repomd.xml", .drip(20))
        try fixture.refusal(5, "repository \\\"os\\\"", "/os/repodata/repomd.xml")
        try fixture.recovers()
    }

    @Test("a small file that unpacks to more than what is accepted", arguments: ["gz", "xz", "zst", "bz2"])
    func zipBomb(compression: String) throws {
        let fixture = try HostileFixture()
        let filler = HostileRepository.package(1)
        let content = String(repeating: filler, count: HostileFixture.limits.open * 4 / filler.utf8.count)
        fixture.repository.primary = Array((HostileRepository.primaryStart + content + "</metadata>").utf8)
        fixture.repository.compression = compression
        try fixture.repository.write()
        try fixture.refusal(4, "primary", "unpacks to more than")
        try fixture.recovers()
    }

    // MARK: - Bytes

    @Test("metadata that is cut off, or changed in one byte")
    func wrongBytes() throws {
        let fixture = try HostileFixture()
        let path = "/os" + fixture.repository.primaryPath
        fixture.server.misbehave(path, .shortened(to: 300))
        try fixture.refusal(4, "os: primary", "it has 300 bytes instead of")
        fixture.server.misbehave(path, .corrupted)
        try fixture.refusal(4, "os: primary", "its sha256 is")
        try fixture.recovers()
    }

    @Test("packed metadata that is no such thing, or is cut off, although its digest is right", arguments: ["gz", "xz", "zst"])
    func damagedArchive(compression: String) throws {
        let fixture = try HostileFixture()
        fixture.repository.compression = compression
        fixture.repository.packages = 200
        let whole = try fixture.repository.pack(fixture.repository.plainPrimary)
        for bytes in [Array(whole.dropLast(whole.count / 2)), Array("no archive".utf8)] {
            fixture.repository.packedPrimary = bytes
            fixture.repository.timestamp += 1
            try fixture.repository.write()
            try fixture.refusal(4, "primary")
        }
        try fixture.recovers()
    }

    @Test("files of two generations")
    func mixedGenerations() throws {
        let fixture = try HostileFixture()
        let old = fixture.repository.plainPrimary
        fixture.repository.packages = 2
        fixture.repository.timestamp += 1
        try fixture.repository.write()
        fixture.server.misbehave("/os" + fixture.repository.primaryPath, .content(old))
        try fixture.refusal(4, "os: primary", "instead of")
        try fixture.recovers()
    }

    // MARK: - Ways

    @Test("redirects in circles, and to files of this host")
    func redirects() throws {
        let fixture = try HostileFixture()
        let path = "/os/repodata/repomd.xml"
        fixture.server.misbehave(path, .redirect(to: path))
        try fixture.refusal(5, "repository \\\"os\\\"", "redirects")
        fixture.server.misbehave(path, .redirect(to: "file:///etc/passwd"))
        try fixture.refusal(5, "repository \\\"os\\\"")
        try fixture.recovers()
    }

    @Test(
        "locations that lead out of the repository",
        arguments: [
            "../../etc/passwd", "/etc/passwd", "repodata/%2e%2e/%2E./x", "file:///etc/passwd", "http://127.0.0.1:1/x",
            "a/..\\\\b", "",
        ])
    func locations(location: String) throws {
        let fixture = try HostileFixture()
        fixture.repository.location = location
        try fixture.repository.write()
        try fixture.refusal(4, "location", "is refused")
        try fixture.recovers()
    }

    // MARK: - XML

    private static let laughs = """
        <!DOCTYPE x [<!ENTITY a "ha ha ha ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
        <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
        <!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">]>

        """
    private static let external = "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>\n"

    @Test("entities in the index, that grow or read files", arguments: [laughs, external])
    func entitiesInIndex(prologue: String) throws {
        let fixture = try HostileFixture()
        fixture.repository.prologue = prologue
        fixture.repository.epilogue = "<tags><content>&f;</content></tags>"
        try fixture.repository.write()
        try fixture.refusal(5, "repomd.xml of repository \\\"os\\\"", "declares XML entities")
        try fixture.recovers()
    }

    @Test("entities in primary metadata, that grow or read files", arguments: [laughs, external])
    func entitiesInPrimary(prologue: String) throws {
        let fixture = try HostileFixture()
        fixture.repository.primary = Array((prologue + "<metadata>&f;</metadata>").utf8)
        try fixture.repository.write()
        try fixture.refusal(4, "primary", "declares a document type")
        try fixture.recovers()
    }

    @Test("elements nested without end")
    func nesting() throws {
        let fixture = try HostileFixture()
        let deep = String(repeating: "<a>", count: 200_000)
        fixture.repository.epilogue = deep
        try fixture.repository.write()
        try fixture.refusal(5, "repomd.xml of repository \\\"os\\\"", "nested too deeply")
        fixture.repository.epilogue = ""
        fixture.repository.primary = Array((HostileRepository.primaryStart + deep).utf8)
        fixture.repository.timestamp += 1
        try fixture.repository.write()
        try fixture.refusal(4, "primary", "nested more than")
        try fixture.recovers()
    }

    @Test("attributes and texts that would fill the memory")
    func hugeAttributes() throws {
        let fixture = try HostileFixture()
        let long = String(repeating: "a", count: 500_000)
        fixture.repository.epilogue = "<tags a=\"\(long)\"/>"
        try fixture.repository.write()
        try fixture.refusal(5, "repomd.xml of repository \\\"os\\\"", "attribute is too long")
        fixture.repository.epilogue = ""
        let longer = String(repeating: long, count: 19)
        fixture.repository.compression = "gz"
        for content in ["<package type=\"\(longer)\"/>", "<package><name>\(longer)</name></package>"] {
            fixture.repository.primary = Array((HostileRepository.primaryStart + content).utf8)
            fixture.repository.timestamp += 1
            try fixture.repository.write()
            try fixture.refusal(4, "primary", "a text or tag of more than")
        }
        try fixture.recovers()
    }

    // MARK: - Time

    @Test("metadata rolled back is refused unless it is asked for, also by revision alone")
    func rollback() throws {
        let fixture = try HostileFixture()
        fixture.repository.revision = "7"
        try fixture.repository.write()
        #expect(try fixture.plan().status == 0)
        fixture.repository.timestamp -= 1
        try fixture.repository.write()
        try fixture.refusal(4, "repository \\\"os\\\" is older than what was seen before")
        #expect(try fixture.plan("--allow-older-metadata").status == 0)
        // Letting it pass once doesn't make it the newest.
        try fixture.refusal(4, "is older than")
        fixture.repository.timestamp += 1
        fixture.repository.revision = "6"
        try fixture.repository.write()
        try fixture.refusal(4, "is older than")
        fixture.repository.revision = "7"
        try fixture.recovers()
    }

    @Test("metadata of the future doesn't make that of today look old")
    func future() throws {
        let fixture = try HostileFixture()
        let today = fixture.repository.timestamp
        fixture.repository.timestamp = Int(time(nil)) + 30 * 86400
        try fixture.repository.write()
        try fixture.refusal(4, "repository \\\"os\\\"", "in the future")
        fixture.repository.timestamp = today
        try fixture.recovers()
    }

    @Test("metadata that never gets newer is accepted, and -v says how old it is")
    func frozen() throws {
        let fixture = try HostileFixture()
        fixture.repository.timestamp = Int(time(nil)) - 100 * 86400
        try fixture.repository.write()
        for _ in 0..<2 {
            let run = try fixture.plan()
            #expect(run.status == 0)
            #expect(run.errors.contains("the metadata of repository \"os\" is 100 days old"), "\(run.errors)")
        }
    }

    // MARK: - The cache

    @Test("a poisoned cache of parsed metadata is made anew", arguments: ["foreign", "flipped", "swapped", "link"])
    func poisonedSolv(how: String) throws {
        let fixture = try HostileFixture()
        #expect(try fixture.plan().status == 0)
        let solv = try #require(try fixture.cached("solv").first)
        let good = try Files.read(solv)
        switch how {
        case "foreign": #expect(chown(solv.string, 12345, 12345) == 0)
        case "flipped":
            var bad = good
            bad[bad.count / 2] ^= 1
            try Files.write(bad, to: solv)
        case "swapped":
            // Another repository's, whole and right in itself.
            fixture.repository.packages = 3
            fixture.repository.timestamp += 1
            try fixture.repository.write()
            #expect(try fixture.plan().status == 0)
            let other = try #require(try fixture.cached("solv").first { $0 != solv })
            try Files.write(good, to: other)
        default:
            let victim = fixture.directory.path.appending("victim")
            try Files.write(good, to: victim)
            try Files.remove(solv)
            #expect(symlink(victim.string, solv.string) == 0)
        }
        try fixture.forgetPlans()
        let run = try fixture.plan()
        #expect(run.status == 0, "\(run.errors)\(run.output)")
        #expect(run.output.contains("\"hello\""))
        try fixture.recovers()
    }

    @Test(
        "a remembered plan that somebody else wrote or changed is made anew",
        arguments: ["foreign", "flipped", "swapped", "link"])
    func poisonedPlan(how: String) throws {
        let fixture = try HostileFixture()
        #expect(try fixture.plan().status == 0)
        let file = try #require(try fixture.cached("plans").first)
        let good = try Files.read(file)
        let other = Array(String(decoding: good, as: UTF8.self).replacing("hello", with: "h3ll0").utf8)
        switch how {
        case "foreign":
            try Files.write(other, to: file)
            #expect(chown(file.string, 12345, 12345) == 0)
        case "flipped": try Files.write(other, to: file)
        case "swapped":
            // Another question's, whole and right in itself.
            try fixture.repository.write()
            #expect(try fixture.plan(asking: "hello-1").status == 0)
            let second = try #require(try fixture.cached("plans").first { $0 != file })
            try Files.write(try Files.read(second), to: file)
        default:
            let victim = fixture.directory.path.appending("victim")
            try Files.write(good, to: victim)
            try Files.remove(file)
            #expect(symlink(victim.string, file.string) == 0)
        }
        let run = try fixture.plan()
        #expect(run.status == 0, "\(run.errors)\(run.output)")
        #expect(run.output.contains("\"spec\" : \"hello\"") && !run.output.contains("h3ll0"), "\(run.output)")
        try fixture.recovers()
    }

    @Test("a plan is remembered for the same question only: other metadata, another setting or another word is another one")
    func rememberedPlan() throws {
        let fixture = try HostileFixture()
        func isRemembered(_ run: MeasuredRun) -> Bool { run.errors.contains("as before") }
        let first = try fixture.plan()
        let second = try fixture.plan()
        #expect(!isRemembered(first) && isRemembered(second), "\(second.errors)")
        func packages(_ run: MeasuredRun) throws -> Substring {
            let start = try #require(run.output.firstRange(of: "\"packages\"")).lowerBound
            return run.output[start..<(try #require(run.output.firstRange(of: "\"patches\"")).lowerBound)]
        }
        #expect(try packages(first) == packages(second))
        #expect(!isRemembered(try fixture.plan(asking: "hello-1")))
        for setting in ["best=0", "os.priority=7", "os.cost=7", "excludepkgs=x", "strict=0", "multilib_policy=all"] {
            #expect(!isRemembered(try fixture.plan("--setopt", setting)), "\(setting)")
        }
        fixture.repository.timestamp += 1
        try fixture.repository.write()
        #expect(!isRemembered(try fixture.plan()))
    }

    @Test("cached metadata that was changed meanwhile is refused where it is read again, and then fetched again")
    func damagedMetadata() throws {
        let fixture = try HostileFixture()
        #expect(try fixture.plan().status == 0)
        let file = try #require(try fixture.cached("metadata").first)
        var bytes = try Files.read(file)
        bytes[bytes.count / 2] ^= 1
        try Files.write(bytes, to: file)
        try Files.remove(fixture.program.cache.appending("solv"))
        try fixture.forgetPlans()
        try fixture.refusal(4, "primary metadata of repository \\\"os\\\"", "damaged")
        #expect(try fixture.plan().status == 0)
    }

    @Test("a part with wrong bytes, and links in place of files, are replaced; what links lead to isn't touched")
    func planted() throws {
        let fixture = try HostileFixture()
        #expect(try fixture.plan().status == 0)
        let file = try #require(try fixture.cached("metadata").first)
        let good = try Files.read(file)
        let victim = fixture.directory.path.appending("victim")
        for plant in ["part", "part link", "link"] {
            try Files.remove(fixture.program.cache.appending("solv"))
            try fixture.forgetPlans()
            try Files.remove(file)
            try Files.write("precious", to: victim)
            switch plant {
            case "part": try Files.write([UInt8](repeating: 7, count: 100), to: FilePath(file.string + ".part"))
            case "part link": #expect(symlink(victim.string, file.string + ".part") == 0)
            default: #expect(symlink(victim.string, file.string) == 0)
            }
            let run = try fixture.plan()
            #expect(run.status == 0, "\(plant): \(run.errors)\(run.output)")
            #expect(try Files.read(file) == good)
            #expect(try Files.readText(victim) == "precious")
        }
    }
}
