internal import CRpm
internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// The gate that every package passes before rpm sees any of it: its size and digest against the metadata's, its signature
/// against its repository's keys, its name and its files' names against what they should be.
///
/// All is read through one open descriptor, the one that rpm installs from afterwards.
final class PackageVerifier {
    private let keys: KeyStore
    /// One transaction set for each set of allowed keys: its keyring is what a good signature must be from.
    private var sets: [Trust: OpaquePointer] = [:]

    private struct Trust: Hashable {
        var fingerprints: [String]
        var signed: Bool
        /// The header's and the payload's SHA-256 are enough.
        var strongDigestsOnly = false
    }

    /// What was seen of a package's header before the rest of it came: its bytes from the file's start on.
    struct Head: Equatable {
        /// Where the header begins, after the signatures, and where it ends.
        var range: Range<Int>
        /// Of what stands before the header.
        var signaturesDigest: ContentDigest
        var headerDigest: ContentDigest
        /// Whether the header tells the payload's digest, so that nothing but that is left to compare.
        var tellsPayload: Bool
    }

    init(keys: KeyStore) { self.keys = keys }

    deinit { sets.values.forEach { _ = rpmtsFree($0) } }

    /// Verifies what of a package comes before its payload: all that the transaction is planned by.
    ///
    /// The header must be that of the package that the metadata named and, with `requireSignature`, signed as `verify` wants it.
    /// - Throws: `.verification` that names package, repository and key.
    func verifyHead(
        _ package: InstallJob.PackageFile, _ file: FileDescriptor, isWhole: Bool = false
    ) throws(ProvisionError) -> Head {
        do {
            return try verifyHead(package, file)
        } catch {
            // That a file isn't what it was says more than what is wrong with it now.
            if isWhole { try verifyDigest(package, file) }
            throw error
        }
    }

    private func verifyHead(_ package: InstallJob.PackageFile, _ file: FileDescriptor) throws(ProvisionError) -> Head {
        let path = FilePath(package.path)
        let refusal = Refusal(package: package)
        let signatures = try signatures(of: file, path, refusal)
        if package.requireSignature { try judge(signatures.signatures, package, refusal) }
        let (header, size) = try readHeader(file, trust(in: package), refusal)
        defer { headerFree(header) }
        try check(header, package, signatures.signatures, refusal)
        let range = min(signatures.end, size)..<size
        return Head(
            range: range, signaturesDigest: try rangeDigest(of: file, path, 0..<range.lowerBound),
            headerDigest: try rangeDigest(of: file, path, range), tellsPayload: RpmHeader(header).hasPayloadDigest)
    }

    /// Verifies an open package. The descriptor is at its start afterwards.
    ///
    /// `head` is what was seen of it before: rpm has planned by that header, and must not install by another.
    ///
    /// With `requireSignature` a package needs a signature over its header by an allowed key with SHA-256 or better, and the
    /// header a SHA-256 digest of the payload (or the payload a signature like that of its own, as in EL7 and before).
    /// librpm alone would take SHA-1 too, and any key in its keyring.
    ///
    /// - Throws: `.verification` that names package, repository and key.
    func verify(_ package: InstallJob.PackageFile, _ file: FileDescriptor, head: Head? = nil) throws(ProvisionError) {
        let path = FilePath(package.path)
        let refusal = Refusal(package: package)
        try verifyDigest(package, file)
        if let head, head.tellsPayload,
            try rangeDigest(of: file, path, 0..<head.range.lowerBound) == head.signaturesDigest,
            try rangeDigest(of: file, path, head.range) == head.headerDigest
        {
            // All that these bytes decide is decided.
            return try verifyContents(
                package, file, Trust(fingerprints: [], signed: false, strongDigestsOnly: true), refusal)
        }
        let signatures = try signatures(of: file, path, refusal)
        if package.requireSignature { try judge(signatures.signatures, package, refusal) }
        try verifyContents(package, file, trust(in: package), refusal)
        let (header, size) = try readHeader(file, Trust(fingerprints: [], signed: false), refusal)
        defer { headerFree(header) }
        try check(header, package, signatures.signatures, refusal)
        // Before the header a mirror may have had other bytes, in the signatures' padding, say.
        if let head, try rangeDigest(of: file, path, min(signatures.end, size)..<size) != head.headerDigest {
            throw refusal.anotherHeader()
        }
    }

    private func verifyDigest(_ package: InstallJob.PackageFile, _ file: FileDescriptor) throws(ProvisionError) {
        let refusal = Refusal(package: package)
        let (checksum, size) = try digest(
            of: file, path: FilePath(package.path), algorithm: package.checksum.algorithm)
        guard size == package.size else { throw refusal.changed("it has \(size) bytes", "\(package.size) bytes") }
        guard checksum == package.checksum else { throw refusal.changed("its digest is \(checksum)", "\(package.checksum)") }
    }

    private func trust(in package: InstallJob.PackageFile) -> Trust {
        let signed = package.requireSignature
        return Trust(fingerprints: signed ? package.allowedKeys.sorted() : [], signed: signed)
    }

    private func rangeDigest(
        of file: FileDescriptor, _ path: FilePath, _ range: Range<Int>
    ) throws(ProvisionError) -> ContentDigest {
        var bytes = [UInt8](repeating: 0, count: range.count)
        let count = try System.check(pread(file.rawValue, &bytes, range.count, range.lowerBound), "read", path)
        var digester = Digester.sha256
        bytes.withUnsafeBytes { digester.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        return digester.finalize()
    }

    /// Finds out what a file that somebody named is: its own header says so, and then it must pass as any package.
    ///
    /// - Throws: `.verification` that names the file by its label; `.failed` where it can't be read.
    func inspect(_ named: NamedPackageFile) throws(ProvisionError) -> InspectedPackage {
        // Without O_NONBLOCK a FIFO would wait for its writer.
        let flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        let file = FileDescriptor(rawValue: try System.check(open(named.path, flags), "read the package", named.label))
        defer { close(file.rawValue) }
        var package = InstallJob.PackageFile(
            path: named.path, nevra: NEVRA(name: "", version: "", release: "", arch: ""),
            repository: PlannedPackage.commandLine, checksum: sha256(of: ""), size: 0,
            requireSignature: named.requireSignature, allowedKeys: named.allowedKeys, label: named.label)
        let refusal = Refusal(package: package)
        var status = stat()
        guard fstat(file.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw refusal.malformed("is not an rpm package: it is no plain file")
        }
        let path = FilePath(named.path)
        (package.checksum, package.size) = try digest(of: file, path: path, algorithm: .sha256)
        _ = try signatures(of: file, path, refusal)
        let (header, _) = try readHeader(file, Trust(fingerprints: [], signed: false), refusal)
        let nevra = RpmHeader(header).nevra
        headerFree(header)
        guard let nevra else { throw refusal.malformed("has no name, version or release") }
        package.nevra = nevra
        try verify(package, file)
        return InspectedPackage(nevra: nevra, checksum: package.checksum, size: package.size)
    }

    // MARK: - Signatures

    private func signatures(
        of file: FileDescriptor, _ path: FilePath, _ refusal: Refusal
    ) throws(ProvisionError) -> SignatureHeader {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        var count = try System.check(pread(file.rawValue, &bytes, bytes.count, 0), "read", path)
        if count == bytes.count {
            bytes = [UInt8](repeating: 0, count: SignatureHeader.limit)
            count = try System.check(pread(file.rawValue, &bytes, bytes.count, 0), "read", path)
        }
        do {
            return try SignatureHeader(Array(bytes[..<count]))
        } catch {
            throw refusal.malformed(error.complaint)
        }
    }

    private func judge(
        _ signatures: [SignatureHeader.Signature], _ package: InstallJob.PackageFile, _ refusal: Refusal
    ) throws(ProvisionError) {
        let allowed = keys.keys(withFingerprints: package.allowedKeys)
        if signatures.isEmpty { throw refusal.unsigned(trusted: allowed) }
        for signature in signatures {
            let isAllowed = allowed.contains { key in
                ([key.fingerprint] + key.subkeys).contains { $0.hasSuffix(signature.keyID) }
            }
            if !isAllowed {
                throw refusal.untrusted(
                    keyID: signature.keyID, knownAs: keys.key(withID: signature.keyID), trusted: allowed)
            }
        }
        if !signatures.contains(where: { $0.range == .header && $0.isStrong }) {
            if let weak = signatures.first(where: { !$0.isStrong }) { throw refusal.weak(hash: weak.hashName) }
            throw refusal.malformed("is signed as a whole only, not its header")
        }
    }

    /// librpm's verdict over digests and, where required, signatures: it reads the whole file once.
    private func verifyContents(
        _ package: InstallJob.PackageFile, _ file: FileDescriptor, _ trust: Trust, _ refusal: Refusal
    ) throws(ProvisionError) {
        let set = try transactionSet(for: trust)
        _ = RpmLibrary.takeLines()
        let good = try RpmFile.withFile(file) { provision_rpm_verify(set, $0, package.path) == 0 }
        let said = RpmLibrary.takeLines()
        guard !good else { return }
        let complaints = said.map(\.text).filter { !$0.hasSuffix(": OK") && !$0.hasSuffix("\(package.path):") }
        let digests = try transactionSet(for: Trust(fingerprints: [], signed: false))
        let intact = try RpmFile.withFile(file) { provision_rpm_verify(digests, $0, package.path) == 0 }
        _ = RpmLibrary.takeLines()
        throw intact ? refusal.badSignature(complaints) : refusal.damaged(complaints)
    }

    private func transactionSet(for trust: Trust) throws(ProvisionError) -> OpaquePointer {
        if let set = sets[trust] { return set }
        guard let set = rpmtsCreate() else { throw ProvisionError(.failed, "librpm can't make a transaction set") }
        let keyring = try Keyring(keys, fingerprints: trust.fingerprints)
        rpmtsSetKeyring(set, keyring.handle)
        let flags: rpmVSFlags =
            trust.signed ? 0 : trust.strongDigestsOnly ? provision_rpm_strong_digests() : provision_rpm_no_signatures()
        rpmtsSetVfyFlags(set, flags)
        rpmtsSetVSFlags(set, flags)
        rpmtsSetVfyLevel(set, trust.signed ? provision_rpm_signature_level() : provision_rpm_digest_level())
        sets[trust] = set
        return set
    }

    // MARK: - Header

    /// A package's header, which the caller frees, and where it ends in the file.
    private func readHeader(
        _ file: FileDescriptor, _ trust: Trust, _ refusal: Refusal
    ) throws(ProvisionError) -> (OpaquePointer, end: Int) {
        let set = try transactionSet(for: trust)
        _ = RpmLibrary.takeLines()
        var header: OpaquePointer?
        var end = 0
        let result = try RpmFile.withFile(file) { handle in
            defer { end = Int(lseek(file.rawValue, 0, SEEK_CUR)) }
            return rpmReadPackageFile(set, handle, "package", &header)
        }
        let said = RpmLibrary.takeErrors()
        if result == RPMRC_OK, let header { return (header, end) }
        guard trust.signed else { throw refusal.damaged(said) }
        // With good digests it is the signature that is bad.
        let (intact, _) = try readHeader(file, Trust(fingerprints: [], signed: false), refusal)
        headerFree(intact)
        throw refusal.badSignature(said)
    }

    /// The header must be that of the package that the metadata named, and its files must stay in the root.
    private func check(
        _ header: OpaquePointer, _ package: InstallJob.PackageFile, _ signatures: [SignatureHeader.Signature],
        _ refusal: Refusal
    ) throws(ProvisionError) {
        let found = RpmHeader(header)
        guard let nevra = found.nevra, !found.isSource else {
            throw refusal.malformed("is a source package, or no package at all")
        }
        guard nevra == package.nevra else { throw refusal.malformed("holds another package: \(nevra)") }
        if package.requireSignature, !found.hasPayloadDigest,
            !signatures.contains(where: { $0.range == .headerAndPayload && $0.isStrong })
        {
            throw refusal.malformed("has a signed header, but nothing signed that covers its files")
        }
        if let name = found.escapingFileName {
            throw refusal.malformed("has a file name that is no path in a root: \"\(name)\"")
        }
    }
}
