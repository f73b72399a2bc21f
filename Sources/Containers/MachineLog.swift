internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

extension MachineStore {
    /// Reads a machine's console log from its beginning, the older of its two files first.
    ///
    /// - Parameters:
    ///   - following: goes on while the machine runs, as `tail -F` does.
    ///   - take: gets the pieces; false ends it.
    /// - Throws: `.notFound` for a machine that isn't there or has no log yet, `.interrupted`.
    public func readLog(of name: String, following: Bool, take: (ArraySlice<UInt8>) -> Bool) throws {
        let machine = try machine(named: name).record.name
        let path = path(of: machine).appending("console.log")
        if let older = try Files.readIfPresent(FilePath(path.string + ".1")), !take(older[...]) { return }
        guard var file = try OpenLog(path) else {
            throw ProvisionError(
                .notFound, "the machine \"\(name)\" has no console log",
                hint: "boot writes one, and run --detach while it runs")
        }
        while true {
            try Interruption.check()
            // Asked before reading: what was printed before the end is then read after it.
            let runs = try following && isRunning(machine)
            let piece = try file.read()
            if !piece.isEmpty {
                if !take(piece) { return }
                continue
            }
            // Rotated: the rest of the old file has been read.
            if let next = try OpenLog(path), next.identity != file.identity {
                file = next
                continue
            }
            guard runs else { return }
            usleep(100_000)
        }
    }

    private func isRunning(_ name: MachineName) throws -> Bool {
        try list().contains { $0.record.name == name && $0.condition == .running }
    }

    private final class OpenLog {
        let identity: UInt
        private let descriptor: Int32
        private let path: FilePath

        /// nil where there is none.
        init?(_ path: FilePath) throws(ProvisionError) {
            let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            if descriptor < 0, errno == ENOENT { return nil }
            self.descriptor = try check(descriptor, "open", path)
            self.path = path
            var status = stat()
            fstat(descriptor, &status)
            identity = UInt(status.st_ino)
        }

        deinit { close(descriptor) }

        func read() throws(ProvisionError) -> ArraySlice<UInt8> {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { return [] }
            return buffer[..<(try check(count, "read", path))]
        }
    }
}
