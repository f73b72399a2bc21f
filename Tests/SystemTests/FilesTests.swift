import Diagnostics
import Glibc
import Model
import System
import SystemPackage
import Testing

@Test("a file is written whole, and a failed write leaves no temporary file")
func atomicWrite() throws {
    let directory = try TemporaryDirectory()
    let file = directory.path.appending("a")
    try Files.write("one", to: file)
    try Files.write("two", to: file, mode: 0o600)
    #expect(try Files.readText(file) == "two")
    #expect(throws: ProvisionError.self) { try Files.write("x", to: directory.path.appending("no/such/file")) }
    #expect(try Files.names(in: directory.path) == ["a"])
}

@Test("a missing file reads as nil, a directory in its place throws")
func missingFile() throws {
    let directory = try TemporaryDirectory()
    #expect(try Files.readIfPresent(directory.path.appending("none")) == nil)
    #expect(throws: ProvisionError.self) { try Files.readIfPresent(directory.path) }
}

@Test("a file beyond the limit is refused, not cut")
func readLimit() throws {
    let directory = try TemporaryDirectory()
    let file = directory.path.appending("a")
    try Files.write("0123456789", to: file)
    #expect(throws: ProvisionError.self) { try Files.read(file, limit: 9) }
}

@Test("removing a tree does not follow links out of it")
func removeDoesNotFollowLinks() throws {
    let directory = try TemporaryDirectory()
    let outside = directory.path.appending("outside")
    let tree = directory.path.appending("tree/deep")
    try Files.makeDirectory(outside)
    try Files.makeDirectory(tree)
    try Files.write("keep", to: outside.appending("file"))
    #expect(symlink(outside.string, tree.appending("link").string) == 0)
    try Files.remove(directory.path.appending("tree"))
    #expect(!Files.exists(directory.path.appending("tree")))
    #expect(try Files.readText(outside.appending("file")) == "keep")
    try Files.remove(directory.path.appending("tree"))
}

@Test("an exclusive rename never replaces what is there")
func exclusiveRename() throws {
    let directory = try TemporaryDirectory()
    try Files.write("1", to: directory.path.appending("a"))
    try Files.write("2", to: directory.path.appending("b"))
    #expect {
        try Files.renameExclusively(directory.path.appending("a"), to: directory.path.appending("b"))
    } throws: { ($0 as? ProvisionError)?.code == .conflict }
    #expect(try Files.readText(directory.path.appending("b")) == "2")
}

@Test("a lock is held by one at a time and freed with its value")
func lock() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path.appending("lock")
    do {
        let held = try FileLock.acquire(path, words: "a test")
        #expect(try isFree(path) == false)
        #expect(try Files.readText(held.path).hasPrefix("a test (process "))
    }
    #expect(try isFree(path))
}

@Test("a lock is freed with its value though a child has its descriptor too")
func lockAndFork() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path.appending("lock")
    let (child, wasFree) = try forkHolding(path)
    defer {
        kill(child, SIGKILL)
        waitpid(child, nil, 0)
    }
    #expect(wasFree == false)
    #expect(try isFree(path))
}

/// A child that was forked while the lock was held, and whether the lock was free then; freed by now.
private func forkHolding(_ path: FilePath) throws -> (child: Int32, wasFree: Bool) {
    let held = try FileLock.acquire(path, words: "a test")
    let wasFree = try isFree(held.path)
    let child = forkProcess()
    if child == 0 { while true { pause() } }
    return (child, wasFree)
}

private func isFree(_ path: FilePath) throws -> Bool {
    guard let lock = try FileLock.trying(path) else { return false }
    _ = consume lock
    return true
}

@Test("digests are those that the world knows")
func digests() throws {
    let directory = try TemporaryDirectory()
    let file = directory.path.appending("abc")
    try Files.write("abc", to: file)
    #expect(
        try digest(ofFileAt: file).digest.hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(try digest(ofFileAt: file, algorithm: .sha1).digest.hex == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(try digest(ofFileAt: file).size == 3)
}

@Test("error numbers read as sentences of ours: lower case, no full stop")
func descriptions() {
    #expect(describe(errno: ENOENT) == "no such file or directory")
}

@Test("who holds a lock is told by process, others than ourselves")
func lockHolders() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path.appending("lock")
    #expect(try FileLock.holders(path) == [])
    let own = try FileLock.trying(path)
    #expect(try FileLock.holders(path) == [])
    _ = consume own
    let other = try ChildProcess(["flock", path.string, "sleep", "60"])
    for _ in 0..<500 where try !FileLock.isHeld(path) { usleep(10_000) }
    #expect(try FileLock.holders(path) == [other.pid])
}

@Test("a copy keeps holes, and names that are no UTF-8")
func copiedContents() throws {
    let directory = try TemporaryDirectory()
    let name = Array("\(directory.path)/caf".utf8CString.dropLast()) + [CChar(bitPattern: 0xe9), 0]
    let size = 64 << 20
    let file = name.withUnsafeBufferPointer { open($0.baseAddress!, O_RDWR | O_CREAT, 0o600) }
    try check(file, "make", "a file")
    defer { close(file) }
    try check(ftruncate(file, size), "lengthen", "a file")
    try check(pwrite(file, "middle", 6, size / 2), "write", "a file")
    let copy = directory.path.appending("copy")
    try Files.copyContents(name.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }, to: copy)
    var status = stat()
    try check(stat(copy.string, &status), "look at", copy)
    #expect(status.st_size == size && status.st_blocks * 512 < size / 8)
    #expect(
        try digest(ofFileAt: copy).digest
            == sha256(
                of: [UInt8](repeating: 0, count: size / 2) + Array("middle".utf8)
                    + [UInt8](repeating: 0, count: size / 2 - 6)))
}

@Test("only plain files are replaced by what a person names: a device is refused, a link followed")
func replaceable() throws {
    let directory = try TemporaryDirectory()
    try Files.write("old", to: directory.path.appending("file"))
    symlink("file", directory.path.appending("link").string)
    symlink("nowhere", directory.path.appending("dangling").string)
    mkfifo(directory.path.appending("fifo").string, 0o600)
    #expect(try Files.replaceable("\(directory.path)/link").lastComponent == "file")
    #expect(try Files.replaceable("\(directory.path)/new").lastComponent == "new")
    for word in ["/dev/null", "\(directory.path)/fifo", "\(directory.path)/dangling"] {
        #expect {
            try Files.replaceable(word)
        } throws: { ($0 as? ProvisionError)?.code == .usage }
    }
}
