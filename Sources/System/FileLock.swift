public import Diagnostics
internal import Glibc
public import SystemPackage

/// An advisory lock (flock) on a file, held while the value lives and freed by the kernel when the process dies.
public struct FileLock: ~Copyable {
    private let descriptor: Int32
    public let path: FilePath
    /// Whose value it is: a fork of that process has the descriptor too.
    private let owner = getpid()

    private init(descriptor: Int32, path: FilePath) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Takes the lock at once or returns nil where another process holds it. The file is made when missing, and told `words`.
    public static func trying(_ path: FilePath, words: String? = nil) throws(ProvisionError) -> FileLock? {
        let descriptor = try check(open(path.string, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644), "open", path)
        let lock = FileLock(descriptor: descriptor, path: path)
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
            if let words { lock.describe(words) }
            return lock
        }
        let number = errno
        guard number == EWOULDBLOCK else { throw systemError("lock", path, errno: number) }
        return nil
    }

    /// Takes a share of the lock, which any number of holders may have together but none beside `trying`'s; waits for that one.
    ///
    /// - Throws: `.interrupted` when a signal comes while it waits.
    public static func sharing(_ path: FilePath) throws(ProvisionError) -> FileLock {
        let descriptor = try check(open(path.string, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644), "open", path)
        let lock = FileLock(descriptor: descriptor, path: path)
        while flock(descriptor, LOCK_SH | LOCK_NB) != 0 {
            let number = errno
            guard number == EWOULDBLOCK else { throw systemError("lock", path, errno: number) }
            try Interruption.check()
            usleep(50_000)
        }
        return lock
    }

    /// Whether a process holds the lock right now (ours too); false where the file doesn't exist. Makes nothing and waits for nobody.
    public static func isHeld(_ path: FilePath) throws(ProvisionError) -> Bool {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        if descriptor < 0, errno == ENOENT || errno == ENOTDIR { return false }
        try check(descriptor, "open", path)
        defer { Glibc.close(descriptor) }
        // A shared lock, so that two who ask at once don't take each other for the holder.
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return false }
        let number = errno
        guard number == EWOULDBLOCK else { throw systemError("lock", path, errno: number) }
        return true
    }

    /// The other processes that hold the lock or share it, as proc_locks(5) tells; none where they are in a pid namespace that
    /// can't be seen from ours. Locks belong to whoever took them: one that was handed on is told by its first owner.
    public static func holders(_ path: FilePath) throws(ProvisionError) -> [Int32] {
        var status = stat()
        if lstat(path.string, &status) != 0, errno == ENOENT { return [] }
        let inode = Substring("\(status.st_ino)")
        // Lines are `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`. Some file systems show another device there than stat does.
        return try Files.readText("/proc/locks").split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count >= 6, fields[1] == "FLOCK", fields[5].split(separator: ":").last == inode,
                let process = Int32(fields[4]), process > 0, process != getpid()
            else { return nil }
            return process
        }
    }

    deinit { Self.close(descriptor, of: owner) }

    /// Closes a descriptor that a lock is on and frees the lock, where this is the process that took it. Closing alone would leave
    /// it with a child that another thread has just forked, until that one runs its program.
    public static func close(_ descriptor: Int32, of owner: Int32) {
        if owner == getpid() { _ = flock(descriptor, LOCK_UN) }
        Glibc.close(descriptor)
    }

    /// Takes the lock, waiting for whoever holds it; `waiting` is called once, with the holder's words, when it has to wait.
    ///
    /// - Throws: `.interrupted` when a signal comes while it waits.
    public static func acquire(
        _ path: FilePath, words: String, waiting: (String) -> Void = { _ in }
    ) throws(ProvisionError) -> FileLock {
        var told = false
        while true {
            if let lock = try trying(path, words: words) { return lock }
            if !told {
                told = true
                let holder = try Files.readIfPresent(path) ?? []
                waiting(String(decoding: holder, as: UTF8.self))
            }
            try Interruption.check()
            usleep(50_000)
        }
    }

    /// Writes who holds it and why into the file, for whoever waits.
    public borrowing func describe(_ words: String) {
        let text = Array("\(words) (process \(getpid()))".utf8)
        _ = ftruncate(descriptor, 0)
        _ = text.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }
}
