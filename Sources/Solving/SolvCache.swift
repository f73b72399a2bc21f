internal import CSolv
internal import Diagnostics
internal import Glibc
internal import Repositories
internal import System
internal import SystemPackage

/// Parsed metadata in libsolv's own format: CACHE/solv/NAME.solv.
///
/// libsolv trusts what it reads, so nothing reaches it but what `DerivedFiles` vouches for: of this format and libsolv's version,
/// made from this generation.
struct SolvCache {
    private let files: DerivedFiles

    init(directory: FilePath) { files = DerivedFiles(in: directory, format: "provision-solv 3 \(solverVersion)") }

    /// The data stored under `name` for this generation, or nil. A file that doesn't belong or is damaged is removed.
    func read(_ name: String, generation: String) throws(ProvisionError) -> ArraySlice<UInt8>? {
        try files.read("\(name).solv", from: generation)
    }

    func write(_ content: [UInt8], name: String, generation: String) throws(ProvisionError) {
        try files.write(content, name: "\(name).solv", from: generation)
    }
}

/// libsolv's version: answers and caches hang on it.
public let solverVersion = String(cString: csolv_version())

/// A C stream that collects what is written to it.
func collected(_ write: (UnsafeMutablePointer<FILE>) -> Bool) -> [UInt8]? {
    var buffer: UnsafeMutablePointer<CChar>?
    var size = 0
    guard let stream = open_memstream(&buffer, &size) else { return nil }
    let written = write(stream)
    let closed = fclose(stream) == 0
    defer { free(buffer) }
    guard written, closed, let buffer else { return nil }
    return Array(UnsafeRawBufferPointer(start: buffer, count: size))
}
