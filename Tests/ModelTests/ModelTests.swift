import FoundationEssentials
import Model
import Testing

@Test(
    "a NEVRA is written as dnf writes it and reads back",
    arguments: ["bash-5.2.15-1.x86_64", "vim-minimal-2:9.0.1378-2.x86_64", "java-1.8.0-openjdk-1:1.8.0.382-1.el7.x86_64"])
func nevraRoundTrip(text: String) throws {
    #expect(try #require(NEVRA(text)).description == text)
}

@Test(
    "what is no NEVRA is refused",
    arguments: ["", "bash", "bash-5.2", "bash-5.2-1", "-5.2-1.noarch", "a-b:1-1.noarch", "a--1.noarch"])
func notNEVRA(text: String) {
    #expect(NEVRA(text) == nil)
}

@Test("an epoch of zero is left out")
func zeroEpoch() throws {
    #expect(try #require(NEVRA("a-0:1-2.noarch")).description == "a-1-2.noarch")
}

@Test("a digest is lower case and has its algorithm's length")
func digests() throws {
    let hex = String(repeating: "AB", count: 32)
    let digest = try #require(ContentDigest(.sha256, hex: hex))
    #expect(digest.description == "sha256:" + hex.lowercased())
    #expect(ContentDigest(digest.description) == digest)
    #expect(ContentDigest(.sha256, hex: "abcd") == nil)
    #expect(ContentDigest(.sha1, hex: hex) == nil)
    #expect(ContentDigest(.sha256, hex: String(repeating: "xy", count: 32)) == nil)
    #expect(ContentDigest.Algorithm(rpmMetadataName: "sha") == .sha1)
}

private func package(_ reason: Reason) -> PlannedPackage {
    PlannedPackage(
        nevra: NEVRA(name: "vsftpd", version: "3.0.3", release: "1", arch: "x86_64"), repository: "demo-os",
        location: "Packages/v/vsftpd.rpm", checksum: ContentDigest(.sha256, hex: String(repeating: "0", count: 64))!,
        size: 10, installedSize: 20, summary: "FTP", reason: reason)
}

@Test("a planned package has the JSON keys that the command line promises")
func plannedPackageKeys() throws {
    let data = try JSONEncoder().encode(package(.requires(capability: "libc.so.6", by: "bash-5-1.x86_64")))
    let text = String(decoding: data, as: UTF8.self)
    for key in ["name", "epoch", "version", "release", "arch", "repo", "sha256", "size", "installedSize", "reason"] {
        #expect(text.contains("\"\(key)\":"), "\(key)")
    }
    #expect(text.contains(#""reason":"requires:libc.so.6""#))
    #expect(text.contains(#""requiredBy":"bash-5-1.x86_64""#))
}

@Test(
    "each reason survives being written to a manifest",
    arguments: [
        Reason.requested(spec: "vsftpd >= 3"), .group(id: "core"), .requires(capability: "rtld(GNU_HASH)", by: "a-1-1.noarch"),
        .recommended(capability: "x:y", by: "a-1-1.noarch"),
    ])
func reasonRoundTrip(reason: Reason) throws {
    let data = try JSONEncoder().encode(package(reason))
    #expect(try JSONDecoder().decode(PlannedPackage.self, from: data) == package(reason))
}

@Test(
    "bytes are written as people read them",
    arguments: [
        (UInt64(0), "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (1 << 20, "1.0 MiB"), (66 << 20, "66 MiB"),
        (1_503_238_553, "1.4 GiB"),
    ])
func byteCounts(bytes: UInt64, text: String) {
    #expect(formatted(bytes: bytes) == text)
}

@Test(
    "a module's state is written as libdnf writes it and reads back; a disabled module, and what is no state, enables nothing")
func moduleStates() {
    let module = Selection.Module(name: "ftp", stream: "3", profiles: ["common", "devel"])
    #expect(module.text == "[ftp]\nname=ftp\nstream=3\nprofiles=common, devel\nstate=enabled\n")
    #expect(Selection.Module(parsing: module.text) == module)
    let spaced = "[query]\nname = query\nprofiles =\nstate = enabled\nstream = 1.6 \n"
    #expect(Selection.Module(parsing: spaced) == Selection.Module(name: "query", stream: "1.6", profiles: []))
    for text in ["", "[x]\nname=x\nstream=1\nprofiles=\nstate=disabled\n", "name=x\nstate=enabled\n", "=\n=enabled\n"] {
        #expect(Selection.Module(parsing: text) == nil, "\(text)")
    }
}
