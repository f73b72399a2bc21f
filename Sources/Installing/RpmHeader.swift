internal import CRpm
internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// What is read from a package's header. Borrows the handle: it must live as long.
struct RpmHeader {
    let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    /// nil where a part is missing. Public keys in a database have no architecture; theirs reads `(none)`, as `rpm -qa` shows it.
    var nevra: NEVRA? {
        guard let name = string(RPMTAG_NAME), let version = string(RPMTAG_VERSION), let release = string(RPMTAG_RELEASE) else {
            return nil
        }
        return NEVRA(
            name: name, epoch: UInt32(headerGetNumber(handle, RPMTAG_EPOCH.number)), version: version, release: release,
            arch: string(RPMTAG_ARCH) ?? "(none)")
    }

    var isSource: Bool { headerIsSource(handle) != 0 }

    /// Bytes of its files.
    var installedSize: UInt64 {
        headerGetNumber(handle, (headerIsEntry(handle, RPMTAG_LONGSIZE.number) != 0 ? RPMTAG_LONGSIZE : RPMTAG_SIZE).number)
    }

    /// Of the header itself: SHA-256, or SHA-1 in packages of EL7's time.
    var digest: ContentDigest? {
        string(RPMTAG_SHA256HEADER).flatMap { ContentDigest(.sha256, hex: $0) }
            ?? string(RPMTAG_SHA1HEADER).flatMap { ContentDigest(.sha1, hex: $0) }
    }

    /// yum's name of an installed package (`RPMInstalledPackage` in yum/packages.py).
    var yumID: String {
        string(RPMTAG_SHA1HEADER) ?? "\(string(RPMTAG_NAME) ?? "").\(headerGetNumber(handle, RPMTAG_BUILDTIME.number))"
    }

    var summary: String { string(RPMTAG_SUMMARY) ?? "" }

    /// Whether the header holds a SHA-256 digest of the payload, which the header's signature then covers.
    var hasPayloadDigest: Bool {
        headerIsEntry(handle, RPMTAG_PAYLOADDIGEST.number) != 0
            && RpmHeader.strongHashes.contains(headerGetNumber(handle, RPMTAG_PAYLOADDIGESTALGO.number))
    }

    /// SHA-256, SHA-384 and SHA-512 in OpenPGP's numbers.
    private static let strongHashes: Set<UInt64> = [8, 9, 10]

    /// The first name of a file or directory that would lead elsewhere than it says.
    var escapingFileName: String? {
        strings(RPMTAG_DIRNAMES).first { !$0.hasPrefix("/") || $0.split(separator: "/").contains("..") }
            ?? strings(RPMTAG_BASENAMES).first { $0.utf8.contains(UInt8(ascii: "/")) || $0 == ".." || $0 == "." }
    }

    /// What it provides: the name, and the version or an empty string.
    var provides: [(String, String)] {
        Array(zip(strings(RPMTAG_PROVIDENAME), strings(RPMTAG_PROVIDEVERSION)))
    }

    /// Whether one of its files is at `path`, which has one name below one directory.
    func owns(_ path: FilePath) -> Bool {
        guard let name = path.lastComponent?.string else { return false }
        let directory = path.removingLastComponent().string + "/"
        let directories = strings(RPMTAG_DIRNAMES)
        guard let wanted = directories.firstIndex(of: directory) else { return false }
        for (base, index) in zip(strings(RPMTAG_BASENAMES), numbers(RPMTAG_DIRINDEXES)) where base == name {
            if index == UInt64(wanted) { return true }
        }
        return false
    }

    private func numbers(_ tag: rpmTag_e) -> [UInt64] {
        var data = rpmtd_s()
        guard headerGet(handle, tag.number, &data, UInt32(HEADERGET_MINMEM.rawValue)) != 0 else { return [] }
        defer { rpmtdFreeData(&data) }
        var result: [UInt64] = []
        while rpmtdNext(&data) >= 0 { result.append(rpmtdGetNumber(&data)) }
        return result
    }

    private func string(_ tag: rpmTag_e) -> String? {
        headerGetString(handle, tag.number).map { String(cString: $0) }
    }

    private func strings(_ tag: rpmTag_e) -> [String] {
        var data = rpmtd_s()
        guard headerGet(handle, tag.number, &data, UInt32(HEADERGET_MINMEM.rawValue)) != 0 else { return [] }
        defer { rpmtdFreeData(&data) }
        var result: [String] = []
        while let string = rpmtdNextString(&data) { result.append(String(cString: string)) }
        return result
    }
}

extension rpmTag_e {
    /// As librpm's functions take it.
    var number: rpmTagVal { rpmTagVal(rawValue) }
}

/// librpm's handle for an open file.
enum RpmFile {
    /// Runs `body` with a handle on `file`, which is at its start before and after.
    static func withFile<Result>(
        _ file: FileDescriptor, _ body: (OpaquePointer) -> Result
    ) throws(ProvisionError) -> Result {
        let handle = try open(file)
        defer {
            Fclose(handle)
            lseek(file.rawValue, 0, SEEK_SET)
        }
        return body(handle)
    }

    /// A handle on a duplicate of `file`, at its start, for rpm to close.
    static func open(_ file: FileDescriptor) throws(ProvisionError) -> OpaquePointer {
        try System.check(lseek(file.rawValue, 0, SEEK_SET), "rewind", "a package")
        guard let handle = fdDup(file.rawValue) else { throw systemError("open again", "a package") }
        return handle
    }
}
