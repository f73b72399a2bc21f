import FoundationEssentials
import Model
import System
import SystemPackage

/// A repository of one package's metadata and no package, that can be made wrong in every respect while its digests are right.
final class HostileRepository {
    /// Below the served directory.
    let directory: FilePath
    var revision = "1"
    /// Seconds since 1970; grows with each generation.
    var timestamp = 1_700_000_000
    var packages = 1
    /// In place of what `packages` gives.
    var primary: [UInt8]?
    /// The suffix of primary's file name: `gz`, `xz`, `zst`, `bz2` or nothing.
    var compression = ""
    var digestType = ContentDigest.Algorithm.sha256
    var location: String?
    var statesSize = true
    /// Packed primary as it is to be served, in place of what compressing gives.
    var packedPrimary: [UInt8]?
    /// Other files of metadata: type, name in repodata, and content.
    var others: [(type: String, name: String, content: [UInt8])] = []
    /// Stands before the root element of repomd.xml.
    var prologue = ""
    /// Stands inside of repomd.xml, after its records.
    var epilogue = ""

    init(_ directory: FilePath) throws {
        self.directory = directory
        try write()
    }

    static func package(_ number: Int) -> String {
        let name = number == 0 ? "hello" : "filler-\(number)"
        return """
            <package type="rpm"><name>\(name)</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>
            <checksum type="sha256" pkgid="YES">\(sha256(of: name).hex)</checksum><summary>A package</summary>
            <description>Words</description><packager/><url/><time file="1" build="1"/>
            <size package="1000" installed="10" archive="10"/><location href="\(name)-1-1.noarch.rpm"/>
            <format><rpm:license>none</rpm:license><rpm:provides>
            <rpm:entry name="\(name)" flags="EQ" epoch="0" ver="1" rel="1"/></rpm:provides></format></package>

            """
    }

    static let primaryStart = """
        <?xml version="1.0" encoding="UTF-8"?>
        <metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">

        """

    var plainPrimary: [UInt8] {
        primary ?? Array((Self.primaryStart + (0..<packages).map(Self.package).joined() + "</metadata>\n").utf8)
    }

    /// Where primary lies, as in a URL behind the repository's.
    private(set) var primaryPath = ""

    func write() throws {
        try Files.remove(directory.appending("repodata"))
        try Files.makeDirectory(directory.appending("repodata"))
        let packed = try packedPrimary ?? pack(plainPrimary)
        let digest = try digest(packed)
        let name = "repodata/\(digest.hex.prefix(64))-primary.xml" + (compression.isEmpty ? "" : "." + compression)
        try Files.write(packed, to: directory.appending(name))
        primaryPath = "/" + name
        var records = ""
        for other in others {
            try Files.write(other.content, to: directory.appending("repodata").appending(other.name))
            let digest = try self.digest(other.content)
            records += "<data type=\"\(other.type)\"><checksum type=\"\(digest.algorithm.rawValue)\">\(digest.hex)</checksum>"
            records += "<location href=\"repodata/\(other.name)\"/><timestamp>\(timestamp)</timestamp></data>\n"
        }
        let size = statesSize ? "<size>\(packed.count)</size>" : ""
        try Files.write(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            \(prologue)<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
            <revision>\(revision)</revision>
            <data type="primary"><checksum type="\(digest.algorithm.rawValue)">\(digest.hex)</checksum>
            <location href="\(location ?? name)"/><timestamp>\(timestamp)</timestamp>\(size)</data>
            \(records)\(epilogue)</repomd>
            """, to: directory.appending("repodata/repomd.xml"))
    }

    private func digest(_ bytes: [UInt8]) throws -> ContentDigest {
        var digester = try Digester(digestType)
        bytes.withUnsafeBytes { digester.update($0) }
        return digester.finalize()
    }

    func pack(_ bytes: [UInt8]) throws -> [UInt8] {
        let programs = ["gz": ["gzip", "-c"], "xz": ["xz", "-1c"], "zst": ["zstd", "-qc"], "bz2": ["bzip2", "-c"]]
        guard let program = programs[compression] else { return bytes }
        return try runChecked(program, input: bytes).standardOutput
    }
}
