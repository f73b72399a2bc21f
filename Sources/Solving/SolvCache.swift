internal import CSolv
internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Parsed metadata in libsolv's own format: CACHE/solv/NAME.solv.
///
/// A file begins with one line that says what it is: format, libsolv's version, the generation that it was made from, and the
/// sha256 of the rest. libsolv trusts what it reads, so nothing reaches it unless owner, line and digest are right.
struct SolvCache {
    let directory: FilePath

    private static let format = "provision-solv 1"

    private func path(_ name: String) -> FilePath { directory.appending("\(name).solv") }

    private func title(_ generation: String) -> String {
        "\(Self.format) \(String(cString: csolv_version())) \(generation)"
    }

    /// The data stored under `name` for this generation, or nil. A file that doesn't belong or is damaged is removed.
    func read(_ name: String, generation: String) throws(ProvisionError) -> ArraySlice<UInt8>? {
        let path = path(name)
        guard try isTrustworthy(path), let bytes = try Files.readIfPresent(path, limit: 2 << 30) else { return nil }
        if let end = bytes.prefix(512).firstIndex(of: UInt8(ascii: "\n")) {
            let content = bytes[(end + 1)...]
            if String(decoding: bytes[..<end], as: UTF8.self) == "\(title(generation)) \(digest(content))" { return content }
        }
        try Files.remove(path)
        return nil
    }

    func write(_ content: [UInt8], name: String, generation: String) throws(ProvisionError) {
        try Files.makeDirectory(directory)
        let title = "\(title(generation)) \(digest(content[...]))\n"
        try Files.write(Array(title.utf8) + content, to: path(name))
    }

    /// Only our own file, or root's, that no one else may write.
    private func isTrustworthy(_ path: FilePath) throws(ProvisionError) -> Bool {
        var status = stat()
        guard lstat(path.string, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return false }
            throw systemError("look at", path)
        }
        return status.st_mode & S_IFMT == S_IFREG && status.st_mode & (S_IWGRP | S_IWOTH) == 0
            && (status.st_uid == geteuid() || status.st_uid == 0)
    }

    private func digest(_ content: ArraySlice<UInt8>) -> String {
        var digester = Digester.sha256
        content.withUnsafeBytes { digester.update($0) }
        return digester.finalize().hex
    }
}

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
