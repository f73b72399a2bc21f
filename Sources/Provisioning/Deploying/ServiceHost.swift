internal import Containers
internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// The services of this host: which version of each serves, and the switch from one to another.
///
/// Every version has a machine of its own, so that a version never sees what another wrote; what must outlive versions is bound in
/// with `--bind`. A switch stops the old machine and starts the new one; where that doesn't come up, the old one is started again.
public struct ServiceHost {
    /// Starts a machine on a layer in the background and returns when it is up.
    public typealias Start = (_ layer: String, _ machine: String, _ words: [String]) throws -> Void

    private let context: Context
    private let store: LayerStore
    private let machines: MachineStore
    private let start: Start

    public init(context: Context, start: @escaping Start) {
        self.context = context
        self.start = start
        store = LayerStore(state: context.state, progress: context.progress)
        machines = MachineStore(state: context.state)
    }

    /// Lets a layer serve from now on.
    ///
    /// - Parameters:
    ///   - words: how its machine is started; nil: as the current version's.
    ///   - keep: how many versions stay for `rollback`, this one among them.
    ///   - shipped: whether the layer goes when its version does.
    /// - Throws: `.notFound` for the layer; what kept the new machine from coming up, after the old one serves again.
    public func activate(
        _ name: String, layer: String, words: [String]?, keep: Int, shipped: Bool
    ) throws -> ServiceAnswer {
        let found = try store.layer(named: layer)
        let lock = try lock(name)
        return try withExtendedLifetime(lock) {
            var record = try record(of: name) ?? ServiceRecord(name: name)
            let words = words ?? record.currentVersion?.words ?? []
            if let current = record.currentVersion, current.layer.digest == found.digest, current.words == words {
                return try reassure(record, current)
            }
            let version = ServiceRecord.Version(
                number: (record.versions.map(\.number) + [record.switching ?? 0]).max()! + 1,
                layer: .init(name: found.name, digest: found.digest), words: words, deployed: Int64(time(nil)),
                shipped: shipped, after: record.current)
            return try switchOver(&record, to: version, keep: keep)
        }
    }

    /// Lets an earlier version serve again.
    ///
    /// - Parameter number: nil is the one before the current.
    /// - Throws: `.notFound` where there is none; as `activate`.
    public func rollback(_ name: String, to number: Int?) throws -> ServiceAnswer {
        let lock = try lock(name)
        return try withExtendedLifetime(lock) {
            var record = try knownRecord(of: name)
            let wanted = number.map { number in record.versions.first { $0.number == number } } ?? record.previous
            guard let wanted else {
                throw ProvisionError(
                    .notFound,
                    number.map { "the service \"\(name)\" has no version \($0)" }
                        ?? "the service \"\(name)\" has no version before the one that serves",
                    hint: "provision services lists those that are kept")
            }
            if wanted.number == record.current { return try reassure(record, wanted) }
            return try switchOver(&record, to: wanted, keep: record.versions.count)
        }
    }

    public func list() throws -> [ServiceSummary] {
        let running = Set(try machines.list().filter { $0.condition == .running }.map(\.record.name.text))
        return try Files.names(in: directory).filter { $0.hasSuffix(".json") }.compactMap {
            try record(of: String($0.dropLast(5)))
        }
        .map { record in
            ServiceSummary(
                name: record.name,
                versions: record.versions.reversed().map { version in
                    let machine = record.machine(of: version.number)
                    return .init(
                        number: version.number, layer: version.layer.name, digest: version.layer.digest, machine: machine,
                        state: running.contains(machine) ? "running" : "stopped", deployed: version.deployed,
                        current: version.number == record.current)
                }, switching: record.switching)
        }
    }

    // MARK: - The switch

    private func switchOver(
        _ record: inout ServiceRecord, to version: ServiceRecord.Version, keep: Int
    ) throws -> ServiceAnswer {
        try check(version, of: record)
        let old = record.currentVersion
        record.switching = version.number
        try write(record)
        let begin = ContinuousClock.now
        let seconds: Duration
        let stopped = try stopAll(of: record)
        do {
            try start(version.layer.name, record.machine(of: version.number), version.words)
            seconds = begin.duration(to: .now)
            try expectToStay(record.machine(of: version.number), version)
        } catch {
            let told = try restored(record, after: error, to: old, ran: stopped, version)
            throw told
        }
        record.versions.removeAll { $0.number == version.number }
        record.versions.append(version)
        record.versions.sort { $0.number < $1.number }
        record.current = version.number
        record.switching = nil
        try write(record)
        let removed = try prune(&record, keep: keep)
        return ServiceAnswer(
            service: record.name, version: version.number, layer: version.layer.name, digest: version.layer.digest,
            machine: record.machine(of: version.number), previous: old?.number, changed: true,
            seconds: Double(seconds.components.seconds) + Double(seconds.components.attoseconds) / 1e18, removed: removed)
    }

    /// The layer must still be the one that was deployed: a name can come to mean another.
    private func check(_ version: ServiceRecord.Version, of record: ServiceRecord) throws {
        let layer = try store.layer(named: version.layer.name)
        guard layer.digest == version.layer.digest else {
            throw ProvisionError(
                .conflict, "the layer \"\(layer.name)\" isn't the one that version \(version.number) was deployed with",
                causes: ["deployed as \(version.layer.digest)", "here is \(layer.digest)"])
        }
        _ = try MachineName(record.machine(of: version.number))
    }

    /// A machine that booted says itself when it is up; of a command it is known only that it started, so it must last a second.
    private func expectToStay(_ machine: String, _ version: ServiceRecord.Version) throws {
        guard version.words.contains("--") else { return }
        for _ in 0..<10 {
            usleep(100_000)
            guard try machines.list().contains(where: { $0.record.name.text == machine && $0.condition == .running }) else {
                throw ProvisionError(
                    .failed, "its command ended at once",
                    hint: "a service's command must stay in the foreground")
            }
        }
    }

    /// Stops every machine of the service: the one that serves, and one that a switch which was cut off may have left.
    private func stopAll(of record: ServiceRecord) throws -> Set<String> {
        let own = Set((record.versions.map(\.number) + [record.switching].compactMap(\.self)).map(record.machine))
        let running = try machines.list().filter { $0.condition == .running && own.contains($0.record.name.text) }
            .map(\.record.name.text)
        if !running.isEmpty { _ = try machines.stop(running, timeout: 60, force: true) }
        return Set(running)
    }

    /// Starts the old version again after the new one failed; the error that tells both.
    private func restored(
        _ record: ServiceRecord, after error: any Error, to old: ServiceRecord.Version?, ran: Set<String>,
        _ version: ServiceRecord.Version
    ) throws -> ProvisionError {
        var record = record
        var told = error as? ProvisionError ?? ProvisionError(.failed, "\(error)")
        told.message = "version \(version.number) of \"\(record.name)\" didn't come up: \(told.message)"
        if !record.versions.contains(where: { $0.number == version.number }) {
            // A machine that wrote nothing yet, or only its console's log: nothing of a version that never served is kept.
            let machine = record.machine(of: version.number)
            if try machines.list().contains(where: { $0.record.name.text == machine }) {
                told.causes += consoleTail(of: machine)
                try machines.remove(machine)
            }
        }
        if let old, ran.contains(record.machine(of: old.number)) {
            do {
                // Ctrl-C has done its work: starting the old version must not be cut off by it too.
                Interruption.clear()
                try start(old.layer.name, record.machine(of: old.number), old.words)
                told.causes.append("version \(old.number) serves again")
            } catch {
                told.causes.append("version \(old.number) couldn't be started again either: \(error)")
            }
        }
        record.switching = nil
        try write(record)
        return told
    }

    /// The last lines of a machine's console.
    private func consoleTail(of machine: String) -> [String] {
        let file = machines.directory.appending(machine).appending("console.log")
        guard let text = try? Files.readText(file) else { return [] }
        return text.split(whereSeparator: \.isNewline).suffix(3).map { "its console: \($0)" }
    }

    /// The wanted version serves already, or its machine ended: then it is started again.
    private func reassure(_ record: ServiceRecord, _ version: ServiceRecord.Version) throws -> ServiceAnswer {
        let machine = record.machine(of: version.number)
        let runs = try machines.list().contains { $0.record.name.text == machine && $0.condition == .running }
        if !runs { try start(version.layer.name, machine, version.words) }
        return ServiceAnswer(
            service: record.name, version: version.number, layer: version.layer.name, digest: version.layer.digest,
            machine: machine, previous: version.number, changed: !runs, seconds: 0, removed: [])
    }

    // MARK: - What is kept

    /// Removes versions beyond the last `keep`, never the current one; layers that others need stay.
    private func prune(_ record: inout ServiceRecord, keep: Int) throws -> [String] {
        var removed: [String] = []
        let kept = record.inOrderOfUse.prefix(max(keep, 1)).map(\.number)
        for version in record.versions where !kept.contains(version.number) {
            let machine = record.machine(of: version.number)
            if try machines.list().contains(where: { $0.record.name.text == machine }) {
                try machines.remove(machine)
                removed.append(machine)
            }
            record.versions.removeAll { $0.number == version.number }
            try write(record)
            guard version.shipped, !record.versions.contains(where: { $0.layer.digest == version.layer.digest }),
                let layer = try store.layerIfPresent(version.layer.name), layer.digest == version.layer.digest
            else { continue }
            do {
                try store.remove(layer.name)
                removed.append(layer.name)
            } catch {
                guard error.code == .conflict else { throw error }
                context.progress.detail("the layer \"\(layer.name)\" stays: \(error.message)")
            }
        }
        return removed
    }

    // MARK: - On disk

    private var directory: FilePath { context.state.appending("services") }

    private func lock(_ name: String) throws -> FileLock {
        try LayerName.check(name)
        try Files.makeDirectory(directory, mode: 0o700)
        return try FileLock.acquire(directory.appending(".\(name).lock"), words: "switching \"\(name)\"") { holder in
            context.progress.warn("waiting for another run that switches \"\(name)\": \(holder)")
        }
    }

    private func knownRecord(of name: String) throws -> ServiceRecord {
        if let record = try record(of: name) { return record }
        let names = try Files.names(in: directory).filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
        throw ProvisionError(
            .notFound, "there is no service \"\(name)\"", hint: nearest(to: name, in: names).map { "did you mean \"\($0)\"?" })
    }

    private func record(of name: String) throws -> ServiceRecord? {
        let file = directory.appending("\(name).json")
        guard let bytes = try Files.readIfPresent(file) else { return nil }
        do { return try JSONDecoder().decode(ServiceRecord.self, from: Data(bytes)) } catch {
            throw ProvisionError(.failed, "cannot read \"\(file)\": it is damaged", causes: ["\(error)"])
        }
    }

    private func write(_ record: ServiceRecord) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try Files.write(Array(encoder.encode(record)) + [10], to: directory.appending("\(record.name).json"))
    }
}
