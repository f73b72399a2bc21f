internal import Diagnostics
internal import Glibc
internal import Model
internal import System
public import SystemPackage

/// What makes one version of a file from another: a zstd frame with the older version as its dictionary (`zstd --patch-from`).
public enum DifferenceFile {
    /// Level 9 makes a difference of an rpm database a fifth smaller (10.5 KiB of 13.4) and takes six times as long, a third of the
    /// time that a small app takes.
    private static let level = "-3"
    /// What zstd takes as a dictionary, and more than any database in a root has.
    static let largest: UInt64 = 1 << 30

    /// DIRECTORY/deltas/INDEX.zst, where a layer and an image's envelope have the difference of that index.
    public static func path(_ index: Int, in directory: FilePath) -> FilePath {
        directory.appending("deltas").appending(name(index))
    }

    /// The file's name in `deltas`.
    public static func name(_ index: Int) -> String { "\(index).zst" }

    /// Writes the difference from `old` to `new`, both regular files.
    ///
    /// - Throws: `.failed` with zstd's words.
    static func make(from old: FilePath, to new: FilePath, at output: FilePath) throws(ProvisionError) {
        // One thread: the bytes must not depend on how many cores there are.
        try runChecked([
            "zstd", "-q", "-f", level, "--single-thread", "--no-progress", "--patch-from=\(old)", new.string, "-o",
            output.string,
        ])
        try check(chmod(output.string, 0o644), "set the mode of", output)
    }

    /// Writes to `output`, a new file, what `difference` makes of `old`.
    ///
    /// - Parameter size: bytes that must come out; not one more is written.
    /// - Returns: the digest of what was written.
    /// - Throws: `.verification` where the difference is damaged, or is one from another file.
    static func apply(
        _ difference: FilePath, to old: FilePath, at output: FilePath, size: UInt64
    ) throws(ProvisionError) -> ContentDigest {
        guard size <= largest else {
            throw ProvisionError(
                .verification, "\"\(difference)\" would make a file of \(size) bytes", hint: "nothing was made")
        }
        let target = try check(
            open(output.string, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600), "write", output)
        defer { close(target) }
        let pipe = try OwnedPipe()
        let errors = try CapturedErrors()
        var options = ChildProcess.Options()
        options.descriptors = [1: pipe.writing, 2: errors.descriptor]
        options.newGroup = true
        // The window of a frame is as large as the file; a frame that asks for more is none of ours.
        let memory = max(16, (size >> 20) + 2)
        var child = try ChildProcess(
            ["zstd", "-q", "-d", "-c", "--memory=\(memory)MB", "--patch-from=\(old)", difference.string], options: options)
        pipe.closeWriting()
        var digester = Digester.sha256
        var written: UInt64 = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 17)
        while true {
            try Interruption.check()
            let count = read(pipe.reading.rawValue, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if try check(count, "read from", "zstd") == 0 { break }
            written += UInt64(count)
            guard written <= size else { break }
            try Files.write(chunk[..<count], to: target, path: output)
            chunk.withUnsafeBytes { digester.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
        pipe.closeReading()
        let status = try child.waitInterruptibly()
        guard status.succeeded, written == size else {
            throw ProvisionError(
                .verification, "\"\(difference)\" doesn't make the file that it is to make of \"\(old)\"",
                causes: errors.lines() + (written == size ? [] : ["it was to be \(size) bytes long"]))
        }
        return digester.finalize()
    }
}
