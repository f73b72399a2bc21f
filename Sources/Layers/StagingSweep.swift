public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// What a sweep found.
public struct SweepReport: Sendable, Equatable {
    /// What the dead runs said of themselves.
    public var removed: [String] = []
    /// Directories whose mount is gone: their records were cleaned.
    public var staleMounts: [FilePath] = []

    public init() {}

    public var isEmpty: Bool { removed.isEmpty && staleMounts.isEmpty }
}

extension LayerStore {
    /// Makes a place for a new layer. `words` say what is made and by whom, for those who meet it (`provision base web`).
    public func stage(_ words: String) throws(ProvisionError) -> Staging {
        // The state itself is anybody's to look at; what it holds of roots is not.
        try Files.makeDirectory(state)
        try Files.makeDirectory(stagingDirectory, mode: 0o700)
        while true {
            try Interruption.check()
            let directory = stagingDirectory.appending(LayerStore.newIdentifier())
            guard mkdir(directory.string, 0o700) == 0 else {
                if errno == EEXIST { continue }
                throw systemError("make the directory", directory)
            }
            // A sweep that comes between the directory and its lock takes the directory: then begin again.
            let lock: FileLock?
            do throws(ProvisionError) {
                lock = try FileLock.trying(directory.appending("lock"), words: words)
            } catch {
                if !Files.exists(directory) { continue }
                throw error
            }
            if let lock { return try Staging(directory: directory, lock: lock) }
        }
    }

    /// Removes the staging of runs that died, and the records of mounts that are gone. Living runs are left alone.
    ///
    /// Every writing command begins with this, and `gc` is made of it. Costs nothing where there is nothing.
    public func sweep() throws(ProvisionError) -> SweepReport {
        var report = SweepReport()
        let names = try Files.names(in: stagingDirectory)
        if !names.isEmpty { try Files.makeDirectory(locksDirectory) }
        // Two sweeps at once would take things from under each other: what one does the other needn't.
        guard names.isEmpty == false, let lock = try FileLock.trying(locksDirectory.appending(".sweep.lock")) else {
            report.staleMounts = try MountTable(state: state).sweep()
            return report
        }
        for name in names {
            let directory = stagingDirectory.appending(name)
            let words = String(decoding: try Files.readIfPresent(directory.appending("lock")) ?? [], as: UTF8.self)
            // Out of the way first, by one rename: whoever made the directory a moment ago must not lock a file in it now.
            let dead = stagingDirectory.appending(".dead-\(LayerStore.newIdentifier())")
            do throws(ProvisionError) {
                guard let held = try FileLock.trying(directory.appending("lock")) else { continue }
                try Files.renameExclusively(directory, to: dead)
                _ = consume held
            } catch {
                // Its owner was faster and has discarded it.
                if !Files.exists(directory) { continue }
                throw error
            }
            try Files.remove(dead)
            report.removed.append(words.isEmpty ? name : words)
        }
        _ = consume lock
        report.staleMounts = try MountTable(state: state).sweep()
        return report
    }

    /// Removes whole trees that were derived from layers which are gone; what they were, in words.
    public func sweepDerived() throws(ProvisionError) -> [String] {
        try sweepDerivedTrees().map { "the whole files of a layer that is gone (\($0.prefix(12)))" }
    }

    /// What builds under way on `name` say of themselves.
    func builds(on name: String) throws(ProvisionError) -> [String] {
        var builds: [String] = []
        for identifier in try Files.names(in: stagingDirectory) {
            let directory = stagingDirectory.appending(identifier)
            guard let on = try Files.readIfPresent(directory.appending("on")),
                String(decoding: on, as: UTF8.self).split(separator: "\n").contains(Substring(name)),
                try FileLock.isHeld(directory.appending("lock"))
            else { continue }
            let words = String(decoding: try Files.readIfPresent(directory.appending("lock")) ?? [], as: UTF8.self)
            builds.append(words.isEmpty ? identifier : words)
        }
        return builds
    }

    /// Sixteen hexadecimal digits that nobody has used.
    static func newIdentifier() -> String {
        let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
