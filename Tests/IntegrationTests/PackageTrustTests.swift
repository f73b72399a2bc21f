import Diagnostics
import Installing
import Model
import System
import SystemPackage
import Testing

/// Each case must be refused before anything of the package is in the root. What came before it may be there: nobody sees such a root.
@Suite("Packages that are not what they should be")
struct PackageTrustTests {
    let fixture: InstallFixture
    var factory: PackageFactory { fixture.factory }
    let trusted: TrustedKey
    let other: TrustedKey

    init() throws {
        fixture = try InstallFixture()
        trusted = try fixture.factory.key("Trusted <trusted@example.org>")
        other = try fixture.factory.key("Other <other@example.org>")
    }

    private func signedPackage(by key: TrustedKey, digest: String = "sha256") throws -> FilePath {
        let package = try factory.package(
            "goods", install: "seq 1 10000 >$RPM_BUILD_ROOT/payload", files: ["/payload"])
        try factory.sign(package, by: key, digest: digest)
        return package
    }

    /// The job with `package` as its second one: the first is fine, and must not be installed either.
    private func refusal(of package: FilePath, keys: [TrustedKey]? = nil) throws -> ProvisionError {
        let first = try factory.package("first", install: "touch $RPM_BUILD_ROOT/first", files: ["/first"])
        try factory.sign(first, by: trusted)
        let entries = [
            try fixture.entry(first, signedBy: [trusted]),
            try fixture.entry(package, nevra: "goods-1-1.noarch", repository: "market", signedBy: [trusted]),
        ]
        let error = try fixture.refusal(of: fixture.job(entries, keys: keys ?? [trusted]))
        #expect(!fixture.exists("payload"))
        #expect(error.code == .verification)
        #expect(error.message.hasPrefix("package \"goods-1-1.noarch\" of repository \"market\" "))
        return error
    }

    @Test("a package signed by its repository's key is installed, and the key imported as rpmkeys does it")
    func signedPackageInstalls() throws {
        let package = try signedPackage(by: trusted)
        try fixture.install(fixture.job([try fixture.entry(package, signedBy: [trusted])], keys: [trusted, other]))
        let ours = try fixture.rpmQuery(
            fixture.root, "-q", "gpg-pubkey", "--queryformat", "%{nvr} %{summary} %{sha256header}\n")
        let reference = try factory.makeDirectory("reference")
        for key in [trusted, other] {
            let file = factory.path.appending("\(key.fingerprint).asc")
            try Files.write(key.armored, to: file)
            try runChecked(["rpmkeys", "--root", reference.string, "--dbpath", "/var/lib/rpm", "--import", file.string])
        }
        let theirs = try fixture.rpmQuery(
            reference, "-q", "gpg-pubkey", "--queryformat", "%{nvr} %{summary} %{sha256header}\n")
        #expect(ours.split(separator: "\n").sorted() == theirs.split(separator: "\n").sorted())
        #expect(ours.contains("gpg-pubkey-\(trusted.fingerprint.suffix(8).lowercased())-"))
    }

    @Test("an unsigned package")
    func unsigned() throws {
        let error = try refusal(of: try factory.package("goods"))
        #expect(error.message.hasSuffix("is not signed"))
    }

    @Test(
        "a file that isn't what its package's own header says, though all that is signed and pinned agrees; rpm refuses it too")
    func inconsistent() throws {
        let package = try factory.package(
            "goods", install: "seq 1 10000 >$RPM_BUILD_ROOT/payload; echo b >$RPM_BUILD_ROOT/second",
            files: ["/payload", "/second"])
        let file = try runChecked(["rpm", "-qp", "--queryformat", "%{FILEDIGESTS}", package.string]).text
        // Another digest of the file in the header, and the digests of the header made anew in the part that isn't signed.
        try runChecked([
            "python3", "-c",
            """
            import hashlib, struct, sys
            path, old = sys.argv[1:]
            data = bytearray(open(path, 'rb').read())
            def header(start):
                count, size = struct.unpack('>II', data[start + 8:start + 16])
                return count, start + 16 + 16 * count, start + 16 + 16 * count + size
            count, store, end = header(96)
            main = (end + 7) // 8 * 8
            _, _, payload = header(main)
            place = data.index(old.encode(), main)
            data[place] = ord('1') if data[place] != ord('1') else ord('2')
            made = {269: hashlib.sha1(data[main:payload]).hexdigest().encode(),
                    273: hashlib.sha256(data[main:payload]).hexdigest().encode(), 1004: hashlib.md5(data[main:]).digest()}
            for entry in range(count):
                tag, _, offset, _ = struct.unpack('>IIII', data[112 + 16 * entry:128 + 16 * entry])
                if tag in made:
                    data[store + offset:store + offset + len(made[tag])] = made[tag]
            open(path, 'wb').write(data)
            """, package.string, file,
        ])
        let reference = try factory.makeDirectory("rpm-root")
        let rpm = try runProgram([
            "rpm", "--root", reference.string, "--dbpath", "/var/lib/rpm", "--nosignature", "-i", package.string,
        ])
        #expect(!rpm.status.succeeded && rpm.standardError.contains("Digest mismatch"), "\(rpm.standardError)")
        let error = try fixture.refusal(of: fixture.job([try fixture.entry(package)]))
        #expect(error.message == "cannot unpack package \"goods-1-1.noarch\"")
        #expect(error.causes.contains { $0.contains("/payload") && $0.contains("Digest mismatch") }, "\(error.causes)")
    }

    @Test("an unsigned package of a repository with gpgcheck=0 is installed")
    func unsignedAllowed() throws {
        try fixture.install(try factory.package("goods", install: "touch $RPM_BUILD_ROOT/payload", files: ["/payload"]))
        #expect(fixture.exists("payload"))
    }

    @Test("a package signed by a key that nobody trusts")
    func unknownKey() throws {
        let error = try refusal(of: try signedPackage(by: other))
        #expect(error.message.contains("signed by the key \(other.fingerprint.suffix(16)), which is not trusted"))
        #expect(error.hint?.contains(trusted.fingerprint) == true)
    }

    @Test("a package signed by the key of another repository")
    func keyOfAnotherRepository() throws {
        let error = try refusal(of: try signedPackage(by: other), keys: [trusted, other])
        #expect(
            error.causes == ["that is the key \(other.fingerprint) of \(other.userID), trusted for other repositories only"])
    }

    @Test("a package whose bytes differ from what the metadata says")
    func changedFile() throws {
        let package = try signedPackage(by: trusted)
        var entry = try fixture.entry(package, repository: "market", signedBy: [trusted])
        entry.checksum = ContentDigest(.sha256, hex: String(repeating: "0", count: 64))!
        let error = try fixture.refusal(of: fixture.job([entry], keys: [trusted]))
        #expect(error.code == .verification)
        #expect(error.message.hasSuffix("is not the file that the repository's metadata names"))
        entry = try fixture.entry(package, repository: "market", signedBy: [trusted])
        entry.size += 1
        #expect(try fixture.refusal(of: fixture.job([entry], keys: [trusted])).causes[0].contains("bytes"))
    }

    @Test("a changed byte in the payload, with metadata that agrees with it")
    func changedPayload() throws {
        let package = try factory.copy(try signedPackage(by: trusted), named: "changed.rpm") { $0[$0.count - 100] ^= 1 }
        let error = try refusal(of: package)
        #expect(error.message.hasSuffix("does not agree with its own digests"))
    }

    @Test("a changed byte in the header, with metadata that agrees with it")
    func changedHeader() throws {
        let package = try factory.copy(try signedPackage(by: trusted), named: "changed.rpm") { bytes in
            let word = Array("Package goods of a test".utf8)
            bytes[bytes.firstIndex(of: word) + 1] ^= 1
        }
        let error = try refusal(of: package)
        #expect(error.message.hasSuffix("does not agree with its own digests"))
    }

    @Test("a signature that was made for something else, over intact digests")
    func foreignSignature() throws {
        // The signature header of another version, with this package's own digests put into it, can't be made with rpm's
        // tools; a byte of the signature's number is enough to make it one that the key never made.
        let package = try factory.copy(try signedPackage(by: trusted), named: "changed.rpm") { bytes in
            let signature = SignatureTag(tag: 268, in: bytes)
            bytes[signature.end - 5] ^= 1
        }
        let error = try refusal(of: package)
        #expect(error.message.hasSuffix("has a bad signature"))
        #expect(error.causes.contains { $0.contains(trusted.fingerprint.suffix(8).lowercased()) })
    }

    @Test("a signature by way of SHA-1")
    func weakHash() throws {
        let error = try refusal(of: try signedPackage(by: trusted, digest: "sha1"))
        #expect(error.message.hasSuffix("is signed by way of SHA1 only, which can be forged"))
    }

    @Test("a signature outside of the signature header's region (CVE-2021-3421)")
    func signatureOutsideRegion() throws {
        let package = try factory.copy(try signedPackage(by: trusted), named: "changed.rpm") { bytes in
            // One entry more in the index than the region covers, and it is a signature.
            let signature = SignatureTag(tag: 268, in: bytes)
            bytes.insert(contentsOf: bytes[signature.entry..<(signature.entry + 16)], at: signature.indexEnd)
            bytes[107] += 1
        }
        let error = try refusal(of: package)
        #expect(error.message.contains("has a signature outside of its signature header's region"))
    }

    @Test("another package under the expected name")
    func otherPackage() throws {
        let package = try factory.package("evil")
        try factory.sign(package, by: trusted)
        let error = try refusal(of: package)
        #expect(error.message.hasSuffix("holds another package: evil-1-1.noarch"))
    }

    @Test("a file name that leads out of its directory, in a package that is intact otherwise")
    func pathTraversal() throws {
        let package = try factory.package(
            "goods", install: "mkdir $RPM_BUILD_ROOT/aa; echo x >$RPM_BUILD_ROOT/aa/evil", files: ["/aa/evil"])
        let changed = try factory.copy(package, named: "changed.rpm") { bytes in
            let layout = PackageLayout(bytes)
            let word = Array("/aa/\u{0}".utf8)
            let place = (layout.header.lowerBound...).first { bytes[$0...].starts(with: word) }!
            let digests = try layout.digests(of: bytes, in: factory.path)
            bytes.replaceSubrange(place..<(place + 5), with: Array("/../\u{0}".utf8))
            // Its makers seal it anew.
            for (old, new) in zip(digests, try layout.digests(of: bytes, in: factory.path)) {
                let place = (112...).first { bytes[$0...].starts(with: old) }!
                bytes.replaceSubrange(place..<(place + old.count), with: new)
            }
        }
        var entry = try fixture.entry(changed, nevra: "goods-1-1.noarch", repository: "market")
        entry.requireSignature = false
        let error = try fixture.refusal(of: fixture.job([entry]))
        #expect(error.code == .verification)
        #expect(error.message.hasSuffix("has a file name that is no path in a root: \"/../\""))
    }

    @Test("a link that one package plants for the files of another leads nowhere outside of the root")
    func plantedLink() throws {
        let outside = try factory.makeDirectory("outside")
        let link = try factory.package("a-link", install: "ln -s \(outside) $RPM_BUILD_ROOT/trap", files: ["/trap"])
        let file = try factory.package(
            "b-file", install: "mkdir $RPM_BUILD_ROOT/trap; echo x >$RPM_BUILD_ROOT/trap/file", files: ["/trap/file"],
            header: "Requires: a-link")
        // rpm follows it, as any link of root's, but as seen from the root; or it refuses. Both are fine.
        _ = try? fixture.install(link, file)
        #expect(try Files.names(in: outside) == [])
    }

    @Test("something that is no package at all")
    func noPackage() throws {
        let file = factory.path.appending("goods.rpm")
        try Files.write("not a package\n", to: file)
        #expect(try refusal(of: file).message.hasSuffix("is not an rpm package"))
    }

    @Test("a key that is not the one that was pinned")
    func wrongKeyMaterial() throws {
        var forged = trusted
        forged.armored = other.armored
        let package = try signedPackage(by: other)
        let job = fixture.job([try fixture.entry(package, signedBy: [forged])], keys: [forged])
        let error = try fixture.refusal(of: job)
        #expect(error.code == .verification)
        #expect(error.message.contains("has the fingerprint \(other.fingerprint), not \(trusted.fingerprint) as pinned"))
    }
}

/// Where an entry of a package's signature header lies in the file.
private struct SignatureTag {
    var entry: Int
    var indexEnd: Int
    var end: Int

    init(tag: Int, in bytes: [UInt8]) {
        func number(_ offset: Int) -> Int { bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) } }
        let count = number(104)
        indexEnd = 112 + count * 16
        entry = (0..<count).map { 112 + $0 * 16 }.first { number($0) == tag }!
        end = indexEnd + number(entry + 8) + number(entry + 12)
    }
}

/// The parts of a package file that its own digests are over.
private struct PackageLayout {
    let header: Range<Int>

    init(_ bytes: [UInt8]) {
        func number(_ offset: Int) -> Int { bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) } }
        let start = (112 + number(104) * 16 + number(108) + 7) / 8 * 8
        header = start..<(start + 16 + number(start + 8) * 16 + number(start + 12))
    }

    /// As they stand in the signature header: SHA-1 and SHA-256 of the header as text, MD5 of header and payload as bytes.
    func digests(of bytes: [UInt8], in directory: FilePath) throws -> [[UInt8]] {
        let file = directory.appending("digested")
        try Files.write(Array(bytes[header]), to: file)
        let texts = try [ContentDigest.Algorithm.sha1, .sha256].map {
            Array(try digest(ofFileAt: file, algorithm: $0).digest.hex.utf8)
        }
        try Files.write(Array(bytes[header.lowerBound...]), to: file)
        let whole = Array(try digest(ofFileAt: file, algorithm: .md5).digest.hex)
        return texts + [stride(from: 0, to: whole.count, by: 2).map { UInt8(String(whole[$0...($0 + 1)]), radix: 16)! }]
    }
}

extension [UInt8] {
    fileprivate func firstIndex(of word: [UInt8]) -> Int {
        indices.first { self[$0...].starts(with: word) }!
    }
}
