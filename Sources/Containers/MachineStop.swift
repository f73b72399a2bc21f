internal import Diagnostics
internal import Glibc
internal import System

extension MachineStore {
    /// How a machine was stopped.
    public enum Stop: String, Codable, Sendable, CaseIterable {
        /// In order, by its own init; or its command ended on SIGTERM.
        case clean
        /// provision and with it everything in the machine was killed.
        case killed
    }

    /// Shuts machines down: all are asked, then all are waited for.
    ///
    /// Each is asked by a SIGTERM to the provision process that runs it, which shuts it down in order and kills what hasn't ended
    /// after its own grace (30 seconds for `boot`, 10 for `run`).
    ///
    /// - Parameters:
    ///   - timeout: seconds for all of them together.
    ///   - force: whether one that runs on after that is killed.
    /// - Returns: what was done to each, in the order of `names`.
    /// - Throws: `.notFound`, or `.conflict` for one that doesn't run, before any is stopped; `.failed` that names those that run
    ///   on after the timeout; `.unsupported` for somebody else's.
    public func stop(_ names: [String], timeout: Int, force: Bool) throws -> [(name: String, stop: Stop)] {
        var running: [RunningMachine] = []
        for name in names where !running.contains(where: { $0.name == name }) { running.append(try self.running(named: name)) }
        for machine in running { try machine.process.signal(SIGTERM) }
        let deadline = Teardown.now() + Int64(timeout) * 1000
        var results: [(name: String, stop: Stop)] = []
        var alive: [String] = []
        for machine in running {
            if try machine.process.waitForEnd(milliseconds: deadline - Teardown.now()) {
                results.append((machine.name, .clean))
            } else if force {
                try machine.process.signal(SIGKILL)
                // Its container dies with it, by the kernel's hand; a process in an uninterruptible wait may take its time.
                guard try machine.process.waitForEnd(milliseconds: 30_000) else {
                    alive.append(machine.name)
                    continue
                }
                results.append((machine.name, .killed))
            } else {
                alive.append(machine.name)
            }
        }
        guard alive.isEmpty else {
            throw ProvisionError(
                .failed, "\(alive.map { "\"\($0)\"" }.joined(separator: ", ")) did not stop within \(timeout) seconds",
                hint: force ? nil : "wait longer with --timeout, or kill with --force")
        }
        // Killed ones couldn't clean up after themselves.
        if results.contains(where: { $0.stop == .killed }) { try sweep() }
        return results
    }
}
