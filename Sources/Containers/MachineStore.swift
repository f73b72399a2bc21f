internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
public import SystemPackage

/// The machines of a state directory. What is on disk is checked against the kernel: a machine runs while its process lives.
public struct MachineStore: Sendable {
    public let directory: FilePath

    public init(state: FilePath) { directory = state.appending("machines") }

    /// Every machine, by name; those that a killed process left half way, and that keep nothing, are not among them.
    public func list() throws -> [Machine] {
        try Files.names(in: directory).compactMap { try machine(inDirectory: $0) }
            .filter { !$0.record.isTemporary || $0.condition == .running }
    }

    /// - Throws: `.notFound` with the nearest name.
    public func machine(named name: String) throws -> Machine {
        if let valid = MachineName(recorded: name), let machine = try machine(inDirectory: valid.text) { return machine }
        let near = nearest(to: name, in: try list().map(\.record.name.text))
        throw ProvisionError(.notFound, "there is no machine \"\(name)\"", hint: near.map { "did you mean \"\($0)\"?" })
    }

    /// Removes a machine with all that was changed in it.
    ///
    /// - Throws: `.notFound`, or `.conflict` while it runs.
    public func remove(_ name: String) throws {
        let machine = try machine(named: name)
        let lock = try lock(machine.record.name, words: "rm")
        try withExtendedLifetime(lock) { try discard(machine.record) }
    }

    /// Removes what killed processes left: temporary machines, and cgroups of dead containers.
    public func sweep() throws {
        try HostForwarding.sweep()
        try NetworkStore(state: directory.removingLastComponent()).sweep()
        for entry in try Files.names(in: directory) {
            guard let name = MachineName(recorded: entry), let machine = try machine(inDirectory: entry) else { continue }
            guard machine.condition == .stopped, machine.record.isTemporary || machine.record.run != nil else { continue }
            // Somebody else sweeps it, or starts it right now.
            guard let lock = try FileLock.trying(path(of: name).appending("lock")) else { continue }
            guard let current = try record(in: entry), current == machine.record else { continue }
            if current.isTemporary { try discard(current) } else { try finish(current) }
            _ = consume lock
        }
    }

    /// Holds a machine that doesn't run, so that it can't be started meanwhile.
    ///
    /// - Throws: `.conflict` where it runs, and what `body` throws.
    public func withStopped<Result>(_ machine: Machine, words: String, _ body: () throws -> Result) throws -> Result {
        let name = machine.record.name
        guard machine.condition == .stopped else {
            throw ProvisionError(
                .conflict, "the machine \"\(name)\" runs", hint: "stop it first: provision stop \(name)")
        }
        let lock = try lock(name, words: words)
        return try withExtendedLifetime(lock) { try body() }
    }

    // MARK: - For the engine

    func path(of name: MachineName) -> FilePath { directory.appending(name.text) }

    /// Takes the machine for this process; held until the value goes.
    ///
    /// - Throws: `.conflict` that names the process that has it.
    func lock(_ name: MachineName, words: String) throws -> FileLock {
        try Files.makeDirectory(path(of: name), mode: 0o700)
        let file = path(of: name).appending("lock")
        // Listing and sweeping look at a machine for a moment only.
        for attempt in 0..<10 {
            if attempt > 0 { usleep(20_000) }
            guard let lock = try FileLock.trying(file) else { continue }
            // A sweep may have removed the directory between the two calls: then this lock is on a file without a name.
            guard Files.exists(file) else {
                try Files.makeDirectory(path(of: name), mode: 0o700)
                continue
            }
            lock.describe(words)
            return lock
        }
        let running = try record(in: name.text)?.run
        let holder = try running.map { "process \($0.pid)" } ?? String(decoding: Files.readIfPresent(file) ?? [], as: UTF8.self)
        throw ProvisionError(
            .conflict, "the machine \"\(name)\" is in use by \(holder)",
            hint: words == "rm"
                ? "stop it first: provision stop \(name)" : "wait for its end, or give this one another name with --machine")
    }

    func record(in entry: String) throws -> MachineRecord? {
        let file = directory.appending(entry).appending("machine.json")
        guard let bytes = try Files.readIfPresent(file) else { return nil }
        do { return try JSONDecoder().decode(MachineRecord.self, from: Data(bytes)) } catch {
            throw ProvisionError(.failed, "cannot read \"\(file)\": it is damaged", causes: ["\(error)"])
        }
    }

    func write(_ record: MachineRecord) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try Files.write(Array(encoder.encode(record)) + [10], to: path(of: record.name).appending("machine.json"))
    }

    /// Notes the end of a kept machine's container and removes its cgroups. The caller holds the lock.
    func finish(_ record: MachineRecord) throws {
        var record = record
        try ContainerCgroup.remove((record.run?.cgroups ?? []).map { FilePath($0) })
        record.run = nil
        try write(record)
    }

    /// Removes the machine's directory and cgroups. The caller holds the lock.
    func discard(_ record: MachineRecord) throws {
        try ContainerCgroup.remove((record.run?.cgroups ?? []).map { FilePath($0) })
        try Files.remove(path(of: record.name))
    }

    private func machine(inDirectory entry: String) throws -> Machine? {
        guard let record = try record(in: entry) else { return nil }
        let process = record.run.flatMap { run in
            ProcessStatus(of: run.pid).flatMap { $0.startTime == run.processStart && $0.isAlive ? $0 : nil }
        }
        return Machine(record: record, condition: process == nil ? .stopped : .running)
    }
}
