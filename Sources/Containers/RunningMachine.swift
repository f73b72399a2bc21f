internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A machine together with a hold on the provision process that runs it.
final class RunningMachine {
    let machine: Machine
    let process: ProcessHandle

    var name: String { machine.record.name.text }

    /// nil where it doesn't run.
    init?(_ machine: Machine) throws(ProvisionError) {
        guard let run = machine.record.run, let process = try ProcessHandle(run.pid) else { return nil }
        // Asked after the handle is held: from now on the number can't come to mean another process.
        guard let status = ProcessStatus(of: run.pid), status.startTime == run.processStart, status.isAlive else { return nil }
        self.machine = machine
        self.process = process
    }

    /// Its processes.
    ///
    /// - Throws: `.conflict` while it is starting or ending.
    func guest() throws(ProvisionError) -> GuestProcesses {
        if let guest = try GuestProcesses.find(supervisor: process.pid) { return guest }
        throw ProvisionError(
            .conflict, "nothing runs in the machine \"\(name)\" just now", hint: "it is starting or ending: see provision list")
    }
}

/// One process of a running machine.
public struct MachineProcess: Encodable, Sendable, Equatable {
    /// Its number on the host.
    public var outside: Int32
    /// Its number in the machine.
    public var inside: Int32
    /// Its name, which the kernel cuts to 15 bytes.
    public var command: String
}

extension MachineStore {
    /// What runs in a machine, by the numbers inside; nothing while it doesn't run.
    public func processes(of machine: Machine) throws -> [MachineProcess] {
        guard let running = try RunningMachine(machine) else { return [] }
        return try GuestProcesses.find(supervisor: running.process.pid)?.members() ?? []
    }

    /// The host's number of a machine's PID 1; nil while it doesn't run.
    public func initialization(of machine: Machine) throws -> Int32? {
        guard let running = try RunningMachine(machine) else { return nil }
        return try GuestProcesses.find(supervisor: running.process.pid)?.initialization
    }

    /// - Throws: `.notFound` with the nearest name, `.conflict` for one that doesn't run.
    func running(named name: String) throws -> RunningMachine {
        let machine = try machine(named: name)
        guard let running = try RunningMachine(machine) else {
            throw ProvisionError(.conflict, "the machine \"\(name)\" doesn't run", hint: "see provision list")
        }
        return running
    }
}
