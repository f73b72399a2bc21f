public import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
public import SystemPackage

/// A merged view that `provision mount` made for the host to see.
public struct MountRecord: Codable, Sendable, Equatable {
    /// What was mounted, as it was named.
    public var target: String
    /// Names of the layers in it, topmost first; empty for a plain directory.
    public var layers: [String]
    /// Absolute, links resolved.
    public var path: String
    public var writable: Bool
    /// Seconds since 1970.
    public var created: Int64

    public var directory: FilePath { FilePath(path) }
}

/// The mounts of one state directory: STATE/mounts/ID.json, and STATE/mounts/ID/ with what was written to a writable one.
public struct MountTable: Sendable {
    public let state: FilePath
    private var directory: FilePath { state.appending("mounts") }

    public init(state: FilePath) { self.state = Files.absolute(state) }

    /// Mounts a merged view at `directory` (it must exist), visible to everybody on the host: call it outside of a private mount
    /// namespace.
    ///
    /// - Parameters:
    ///   - trees: topmost first; a single one is a read-only bind mount.
    ///   - target: as the user named it, for lists; `layers` are kept from removal while the mount is there.
    ///   - writable: changes go to an upper of this mount's own and are thrown away when it is unmounted.
    ///   - now: seconds since 1970.
    /// - Throws: `.notFound` without the directory, `.conflict` where one of our mounts is there already.
    @discardableResult
    public func mount(
        trees: [FilePath], target: String, layers: [String], at place: FilePath, writable: Bool, now: Int64
    ) throws(ProvisionError) -> MountRecord {
        guard Files.isDirectory(place) else {
            throw ProvisionError(
                .notFound, "there is no directory \"\(place)\" to mount at", hint: "make it first: mkdir -p \(place)")
        }
        let place = try Files.canonical(place)
        let table = try lockTable()
        guard try !mounts().contains(where: { $0.directory == place }) else {
            throw ProvisionError(
                .conflict, "something is mounted at \"\(place)\" already", hint: "unmount it first: provision umount \(place)")
        }
        let identifier = LayerStore.newIdentifier()
        let record = MountRecord(
            target: target, layers: layers, path: place.string, writable: writable, created: now)
        let room = directory.appending(identifier)
        let file = directory.appending(identifier + ".json")
        do throws(ProvisionError) {
            try Files.write(try encoded(record), to: file)
            var overlay = OverlayMount(lower: trees)
            if writable {
                let (upper, work) = (room.appending("upper"), room.appending("work"))
                try Files.makeDirectory(room, mode: 0o700)
                for path in [upper, work] { try Files.makeDirectory(path) }
                try TreeScanner.entry(.root, in: trees[0]).0.apply(to: .root, in: upper)
                (overlay.upper, overlay.work) = (upper, work)
            }
            try overlay.mount(at: place)
        } catch {
            try Files.remove(room)
            try Files.remove(file)
            throw error
        }
        _ = consume table
        return record
    }

    /// Unmounts what `mount` made at `directory`, and throws away what was written to it.
    ///
    /// - Throws: `.notFound` where nothing of ours is mounted, `.failed` while somebody uses it.
    @discardableResult
    public func unmount(_ place: FilePath) throws(ProvisionError) -> MountRecord {
        let known = try mounts()
        let wanted = Files.exists(place) ? try Files.canonical(place) : Files.absolute(place)
        guard let record = known.first(where: { $0.directory == wanted }) else {
            throw ProvisionError(
                .notFound, "provision has mounted nothing at \"\(place)\"",
                hint: nearest(to: wanted.string, in: known.map(\.path)).map { "did you mean \"\($0)\"?" }
                    ?? (known.isEmpty ? nil : "mounted: \(known.map(\.path).joined(separator: ", "))"))
        }
        do throws(ProvisionError) {
            try System.unmount(wanted)
        } catch {
            throw ProvisionError(
                .failed, error.message, hint: "see who uses it: fuser -vm \(wanted)", causes: error.causes)
        }
        _ = try sweep()
        return record
    }

    /// What is mounted now. Records whose mount is gone are left out, and stay until a sweep.
    public func mounts() throws(ProvisionError) -> [MountRecord] {
        let records = try records()
        if records.isEmpty { return [] }
        let mounted = try MountTable.mountPoints()
        return records.filter { mounted.contains($0.record.path) }.map(\.record)
    }

    /// Cleans up after mounts that are gone (unmounted by hand, or by a reboot); returns where they were.
    @discardableResult
    func sweep() throws(ProvisionError) -> [FilePath] {
        guard Files.exists(directory) else { return [] }
        // Under the lock: a record is written a moment before its mount appears.
        let table = try lockTable()
        let mounted = try MountTable.mountPoints()
        var gone: [FilePath] = []
        for (identifier, record) in try records() where !mounted.contains(record.path) {
            // The room first: while the record is there the next sweep finds it.
            try Files.remove(directory.appending(identifier))
            try Files.remove(directory.appending(identifier + ".json"))
            gone.append(record.directory)
        }
        _ = consume table
        return gone
    }

    private func lockTable() throws(ProvisionError) -> FileLock {
        try Files.makeDirectory(directory, mode: 0o700)
        return try FileLock.acquire(directory.appending("lock"), words: "mounting")
    }

    private func records() throws(ProvisionError) -> [(identifier: String, record: MountRecord)] {
        var result: [(String, MountRecord)] = []
        for name in try Files.names(in: directory) where name.hasSuffix(".json") {
            let file = directory.appending(name)
            guard let bytes = try Files.readIfPresent(file) else { continue }
            do {
                result.append((String(name.dropLast(5)), try JSONDecoder().decode(MountRecord.self, from: Data(bytes))))
            } catch {
                throw ProvisionError(.failed, "cannot read \"\(file)\": \(error)")
            }
        }
        return result
    }

    private func encoded(_ record: MountRecord) throws(ProvisionError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(record))
        } catch {
            throw ProvisionError(.failed, "cannot record the mount at \"\(record.path)\": \(error)")
        }
    }

    /// The mount points that this process sees; see proc_pid_mountinfo(5).
    static func mountPoints() throws(ProvisionError) -> Set<String> {
        let text = try Files.readText("/proc/self/mountinfo")
        return Set(
            text.split(separator: "\n").compactMap { line in
                let fields = line.split(separator: " ", maxSplits: 5)
                return fields.count > 4 ? unescaped(fields[4]) : nil
            })
    }

    /// The kernel writes blanks, tabs, newlines and backslashes as three octal digits.
    static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == 0x5c, digits.count == 3, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
