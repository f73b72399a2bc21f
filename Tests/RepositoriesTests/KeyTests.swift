import Diagnostics
import Model
import System
import SystemPackage
import Testing
import Transfer

@testable import Repositories

@Suite("keys and signatures")
struct KeyTests {
    private func failure(_ body: () throws -> Void) -> ProvisionError? {
        do { try body() } catch { return error as? ProvisionError }
        return nil
    }

    private func finder(_ directory: FilePath, host: [FilePath] = []) -> KeyFinder {
        KeyFinder(cache: directory.appending("cache"), downloader: Downloader(), hostDirectories: host)
    }

    @Test("a pinned key is found at its URL, kept by fingerprint, and then needs its URL no more")
    func pinnedByURL() throws {
        let directory = try TemporaryDirectory()
        let key = try TestKey("One: the first <one@example.org>")
        let file = directory.path.appending("KEY")
        try Files.write(try key.exported(), to: file)
        let reference = KeyReference(url: "file://\(file)", fingerprint: key.fingerprint.lowercased())
        let found = try finder(directory.path).find(reference)
        #expect(found.map(\.fingerprint) == [key.fingerprint])
        #expect(found[0].userID == "One: the first <one@example.org>")
        try Files.remove(file)
        #expect(try finder(directory.path).find(reference) == found)
        #expect(try Files.names(in: directory.path.appending("cache/keys")) == ["\(key.fingerprint).asc"])
    }

    @Test("another key than the pinned one is refused, both fingerprints named, and nothing kept")
    func wrongFingerprint() throws {
        let directory = try TemporaryDirectory()
        let key = try TestKey("One")
        let pinned = String(repeating: "A", count: 40)
        try Files.write(try key.exported(), to: directory.path.appending("KEY"))
        let error = failure {
            _ = try finder(directory.path).find(KeyReference(url: "file://\(directory.path)/KEY", fingerprint: pinned))
        }
        #expect(error?.code == .verification)
        for part in [pinned, key.fingerprint, "file://\(directory.path)/KEY"] {
            #expect(error?.message.contains(part) == true)
        }
        #expect(try Files.names(in: directory.path.appending("cache/keys")) == [])
    }

    @Test("a subkey's fingerprint doesn't pass for a primary key's")
    func subkeyIsNoPrimary() throws {
        let listing = """
            pub:-:255:22:AAAA:1::::::scSC::::::23::0:
            fpr:::::::::\(String(repeating: "A", count: 40)):
            uid:-::::1::X::Some\\x3aone::::::::::0:
            sub:-:255:22:BBBB:1::::::s::::::23:
            fpr:::::::::\(String(repeating: "B", count: 40)):
            """
        let key = try #require(InspectedKey(listing: listing, certificate: [0x98, 0])).key
        #expect(key.fingerprint == String(repeating: "A", count: 40))
        #expect(key.subkeys == [String(repeating: "B", count: 40)])
        #expect(key.userID == "Some:one")
    }

    @Test("the host's key directories are looked through by file name, but not believed")
    func hostDirectories() throws {
        let directory = try TemporaryDirectory()
        let right = try TestKey("Right")
        let wrong = try TestKey("Wrong")
        let host = directory.path.appending("host")
        try Files.makeDirectory(host.appending("b-distribution"))
        try Files.makeDirectory(host.appending("a-distribution"))
        try Files.write(try wrong.exported(), to: host.appending("a-distribution/KEY"))
        try Files.write("no key at all", to: host.appending("KEY"))
        try Files.write(try right.exported(), to: host.appending("b-distribution/KEY"))
        let reference = KeyReference(url: "file:///nowhere/KEY", fileName: "KEY", fingerprint: right.fingerprint)
        #expect(try finder(directory.path, host: [host]).find(reference).map(\.fingerprint) == [right.fingerprint])
    }

    @Test("an expired copy on this host gives way to a prolonged one at the URL")
    func prolonged() throws {
        let directory = try TemporaryDirectory()
        let key = try TestKey("Old", expiry: "20200201T000000", extra: ["--faked-system-time", "20200101T000000!"])
        let host = directory.path.appending("host")
        try Files.makeDirectory(host)
        try Files.write(try key.exported(), to: host.appending("KEY"))
        try key.prolong()
        try Files.write(try key.exported(), to: directory.path.appending("KEY"))
        let reference = KeyReference(url: "file://\(directory.path)/KEY", fileName: "KEY", fingerprint: key.fingerprint)
        #expect(try finder(directory.path, host: [host]).find(reference).map(\.fingerprint) == [key.fingerprint])
    }

    @Test("a file of several certificates is split, armour after armour or in one block")
    func severalCertificates() throws {
        let directory = try TemporaryDirectory()
        let one = try TestKey("One")
        let two = try TestKey("Two")
        let both = try one.exported() + two.exported()
        let file = directory.path.appending("KEYS")
        let fingerprints = [one.fingerprint, two.fingerprint]
        try Files.write(both, to: file)
        let reference = KeyReference(url: "file://\(file)")
        #expect(try finder(directory.path).find(reference).map(\.fingerprint) == fingerprints)
        let single = try OpenPGP.certificates(in: both, source: "x").flatMap { $0 }
        try Files.write(OpenPGP.armored(single), to: file)
        let found = try finder(directory.path).find(reference)
        #expect(found.map(\.fingerprint) == fingerprints)
        // gpg reads our armour, checksum and all, and finds one key in it.
        let listing = try runChecked(["gpg", "--show-keys", "--with-colons"], input: Array(found[1].armored.utf8)).text
        #expect(listing.split(separator: "\n").count { $0.hasPrefix("pub") } == 1)
    }

    @Test("expired and revoked keys are refused with that word; an expired one may be let pass")
    func expiredAndRevoked() throws {
        let directory = try TemporaryDirectory()
        let file = directory.path.appending("KEY")
        let expired = try TestKey("Old", expiry: "20200201T000000", extra: ["--faked-system-time", "20200101T000000!"])
        try Files.write(try expired.exported(), to: file)
        let reference = KeyReference(url: "file://\(file)", fingerprint: expired.fingerprint)
        let error = failure { _ = try finder(directory.path).find(reference) }
        #expect(error?.code == .verification)
        #expect(error?.message.contains("expired") == true)
        #expect(try finder(directory.path).find(reference, allowExpired: true).count == 1)
        let revoked = try TestKey("Gone")
        try revoked.revoke()
        try Files.write(try revoked.exported(), to: file)
        let other = failure { _ = try finder(directory.path).find(KeyReference(url: "file://\(file)"), allowExpired: true) }
        #expect(other?.code == .verification)
        #expect(other?.message.contains("revoked") == true)
    }

    @Test("of several keys an expired one is told of and not trusted; where all have expired, that is the error")
    func expiredAmongOthers() throws {
        final class Warnings: ProgressSink, @unchecked Sendable {
            var texts: [String] = []
            func report(_ event: ProgressEvent) { if case .warning(let text, _) = event { texts.append(text) } }
        }
        let directory = try TemporaryDirectory()
        let file = directory.path.appending("KEYS")
        let old = try TestKey("Old", expiry: "20200201T000000", extra: ["--faked-system-time", "20200101T000000!"])
        let new = try TestKey("New")
        try Files.write(try old.exported() + new.exported(), to: file)
        let oldReference = KeyReference(url: "file://\(file)", fingerprint: old.fingerprint)
        let newReference = KeyReference(url: "file://\(file)", fingerprint: new.fingerprint)
        for _ in 0..<2 {
            let warnings = Warnings()
            let found = try finder(directory.path).find(
                [oldReference, newReference], transport: TransportOptions(), progress: warnings)
            #expect(found.map(\.fingerprint) == [new.fingerprint])
            #expect(warnings.texts == ["the key \(old.fingerprint) (Old) has expired and is not trusted"])
            // The second time both are in the cache.
            try Files.remove(file)
        }
        try Files.write(try old.exported(), to: file)
        let error = failure {
            _ = try finder(directory.path).find([oldReference], transport: TransportOptions(), progress: SilentProgress())
        }
        #expect(error?.code == .verification)
        #expect(error?.message.contains("has expired") == true)
        try old.prolong()
        try Files.write(try old.exported(), to: file)
        let prolonged = try finder(directory.path).find(
            [oldReference], transport: TransportOptions(), progress: SilentProgress())
        #expect(prolonged.map(\.fingerprint) == [old.fingerprint])
    }

    @Test(
        "what is not a key file is said to be none", arguments: ["", "<html>", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQIN"])
    func noKey(text: String) {
        #expect(throws: ProvisionError.self) { try OpenPGP.certificates(in: Array(text.utf8), source: "x") }
    }

    @Test("detached signatures: good, over other data, by a stranger, by an expired key, unreadable")
    func signatures() throws {
        let key = try TestKey("Signer")
        let stranger = try TestKey("Stranger")
        let data = Array("repomd".utf8)
        let trusted = try InspectedKey.all(in: try key.exported(), source: "x").map(\.key)
        let signature = try key.sign(data)
        #expect(try verifyDetached(signature: signature, data: data, keys: trusted) == .good(fingerprint: key.fingerprint))
        let id = String(key.fingerprint.suffix(16))
        #expect(try verifyDetached(signature: signature, data: Array("other".utf8), keys: trusted) == .bad(keyID: id))
        let strange = try verifyDetached(signature: try stranger.sign(data), data: data, keys: trusted)
        #expect(strange == .noKey(keyID: String(stranger.fingerprint.suffix(16))))
        let text = Array("no signature".utf8)
        if case .unreadable = try verifyDetached(signature: text, data: data, keys: trusted) {} else { Issue.record("read it") }
        let then = ["--faked-system-time", "20200101T000000!"]
        let old = try TestKey("Old", expiry: "20200201T000000", extra: then)
        let oldKeys = try InspectedKey.all(in: try old.exported(), source: "x").map(\.key)
        let oldSignature = try old.sign(data, extra: then)
        #expect(
            try verifyDetached(signature: oldSignature, data: data, keys: oldKeys)
                == .expiredKey(keyID: String(old.fingerprint.suffix(16))))
    }

    @Test("of two signatures one good one is enough, unless the other is bad")
    func twoSignatures() {
        let good = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 1 A\n[GNUPG:] VALIDSIG FF 2020-01-01 1 0 4 0 22 8 00 FF\n"
        let missing = "[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG 2 22 9 00 1 9 EE\n[GNUPG:] NO_PUBKEY 2\n"
        let expired = "[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG 3 A\n[GNUPG:] VALIDSIG DD 2020-01-01 1 0 4 0 22 8 00 DD\n"
        #expect(verdicts(status: good + missing) == [.good(fingerprint: "FF"), .noKey(keyID: "2")])
        #expect(verdicts(status: expired) == [.expiredKey(keyID: "3")])
    }
}
