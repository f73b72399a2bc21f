internal import CRpm
internal import Diagnostics
internal import Dispatch
internal import Glibc
internal import Model
internal import Synchronization
internal import System
internal import SystemPackage

/// Compares the files that rpm has laid with the digests in their packages' headers, on another core while rpm goes on.
///
/// rpm would do it as it writes each file, on the one core that all the rest waits for: `Transaction.leaveFileDigests()`. What
/// changes a file later is no concern of this: a file counts as laid by rpm where it has the header's size and time of
/// modification, and its inode was last changed while the package was being laid.
final class FileDigestCheck: Sendable {
    /// A regular file as a header tells of it.
    struct File: Sendable {
        var path: String
        var digest: ContentDigest
        var size: UInt64
        /// Seconds since 1970.
        var modified: Int64
    }

    private let root: RootedDirectory
    private let queue = DispatchQueue(label: "file digests")
    private let found = Mutex<ProvisionError?>(nil)

    init(root: consuming RootedDirectory) { self.root = root }

    /// Hands over the files of a package that rpm has laid since `began`.
    func laid(_ files: [File], of package: String, since began: timespec) {
        var ended = timespec()
        clock_gettime(CLOCK_REALTIME, &ended)
        queue.async { [self, ended] in
            for file in files where found.withLock({ $0 == nil }) {
                do throws(ProvisionError) {
                    try compare(file, of: package, laidIn: (began, ended))
                } catch {
                    found.withLock { $0 = error }
                }
            }
        }
    }

    /// - Throws: `.verification` where a file was found that isn't what its package says.
    func check() throws(ProvisionError) { if let error = found.withLock({ $0 }) { throw error } }

    /// As `check`, when all is looked at.
    func finish() throws(ProvisionError) {
        queue.sync {}
        try check()
    }

    private func compare(
        _ file: File, of package: String, laidIn time: (began: timespec, ended: timespec)
    ) throws(ProvisionError) {
        let digest = try root.digest(of: file.path, algorithm: file.digest.algorithm) { status in
            UInt64(status.st_size) == file.size && Int64(status.st_mtim.tv_sec) == file.modified
                && !(status.st_ctim < time.began) && !(time.ended < status.st_ctim)
        }
        guard let digest, digest != file.digest else { return }
        throw ProvisionError(
            .verification, "package \"\(package)\" holds another file \"\(file.path)\" than it says",
            hint: "it was built wrongly, and rpm would refuse it as well: tell those who made it",
            causes: ["its header says \(file.digest)", "it holds \(digest)"])
    }
}

extension timespec {
    /// When it is, as far as file systems note it: not later than the times of what happens next.
    static var noted: timespec {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        return now
    }

    fileprivate static func < (one: timespec, other: timespec) -> Bool {
        (one.tv_sec, one.tv_nsec) < (other.tv_sec, other.tv_nsec)
    }
}

extension RpmHeader {
    /// What its files' digests are made with; nil for what provision can't compute.
    var fileDigestAlgorithm: ContentDigest.Algorithm? {
        switch headerGetNumber(handle, RPMTAG_FILEDIGESTALGO.number) {
        // RFC 4880, 9.4; packages without the tag have MD5.
        case 0, 1: .md5
        case 2: .sha1
        case 8: .sha256
        case 9: .sha384
        case 10: .sha512
        default: nil
        }
    }

    /// Its regular files but for those that are only named (%ghost); a hard-linked one once.
    var regularFiles: [FileDigestCheck.File] {
        guard let algorithm = fileDigestAlgorithm else { return [] }
        let directories = strings(RPMTAG_DIRNAMES)
        let names = strings(RPMTAG_BASENAMES)
        let indices = numbers(RPMTAG_DIRINDEXES)
        let digests = strings(RPMTAG_FILEDIGESTS)
        let sizes = numbers(headerIsEntry(handle, RPMTAG_LONGFILESIZES.number) != 0 ? RPMTAG_LONGFILESIZES : RPMTAG_FILESIZES)
        let times = numbers(RPMTAG_FILEMTIMES)
        let flags = numbers(RPMTAG_FILEFLAGS)
        let inodes = numbers(RPMTAG_FILEINODES)
        let counts = [indices.count, digests.count, sizes.count, times.count, flags.count, inodes.count]
        guard counts.allSatisfy({ $0 == names.count }) else { return [] }
        var seen: Set<UInt64> = []
        var files: [FileDigestCheck.File] = []
        for place in names.indices where flags[place] & UInt64(RPMFILE_GHOST.rawValue) == 0 {
            // Only regular files have one.
            guard let digest = ContentDigest(algorithm, hex: digests[place]), indices[place] < directories.count,
                seen.insert(inodes[place]).inserted
            else { continue }
            files.append(
                FileDigestCheck.File(
                    path: directories[Int(indices[place])] + names[place], digest: digest, size: sizes[place],
                    modified: Int64(times[place])))
        }
        return files
    }
}
