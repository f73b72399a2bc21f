internal import Diagnostics
internal import Glibc
internal import Model
internal import Synchronization
internal import System
internal import SystemPackage

/// What this process has read of files in layers: a build asks for its parent's manifest five times, several applications for the digest
/// of one database. It counts while the file is the very one that it was, and only for one that has settled (`LayerIndex.Mark`).
final class FileMemory<Value: Sendable>: Sendable {
    /// Lists of many layers ask for each once.
    private let most = 16
    private let values = Mutex<[FilePath: (mark: LayerIndex.Mark, value: Value)]>([:])

    func value(_ file: FilePath, _ mark: LayerIndex.Mark) -> Value? {
        values.withLock { values in values[file].flatMap { $0.mark == mark ? $0.value : nil } }
    }

    /// - Parameters:
    ///   - mark: what the file was before it was read.
    ///   - now: seconds since 1970.
    func remember(_ value: Value, _ file: FilePath, _ mark: LayerIndex.Mark, at now: Int64 = Int64(time(nil))) {
        guard mark.isSettled(at: now) else { return }
        values.withLock { values in
            if values.count >= most { values = [:] }
            values[file] = (mark, value)
        }
    }
}

extension FileMemory<ContentDigest> {
    /// The sha256 of a file, read where it isn't known.
    func digest(ofFileAt file: FilePath) throws(ProvisionError) -> ContentDigest {
        let mark = LayerIndex.Mark(of: file.string)
        if let mark, let digest = value(file, mark) { return digest }
        let digest = try System.digest(ofFileAt: file).digest
        if let mark { remember(digest, file, mark) }
        return digest
    }
}
