public import Diagnostics
internal import Glibc
public import SystemPackage

/// A directory (0700) that is removed with all it holds when the value goes.
public struct TemporaryDirectory: ~Copyable {
    public let path: FilePath

    /// Under `parent`, or under TMPDIR (default /tmp).
    public init(in parent: FilePath? = nil, prefix: String = "provision") throws(ProvisionError) {
        let base = parent ?? FilePath(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")
        var template = Array(base.appending("\(prefix)-XXXXXX").string.utf8CString)
        guard mkdtemp(&template) != nil else { throw systemError("make a temporary directory in", base) }
        path = FilePath(platformString: template)
    }

    deinit {
        // Nothing can be thrown from here; what stays is in a temporary directory, and the next sweep takes it.
        try? Files.remove(path)
    }
}
