internal import Diagnostics
internal import Model
internal import Synchronization

/// Progress for a log: whole lines, the start and the end of each phase, and every tenth of long ones at most every few seconds.
final class PlainProgress: ProgressSink {
    private struct Running {
        var total: UInt64?
        var began = ContinuousClock.now
        var said = ContinuousClock.now
    }

    private let verbose: Bool
    private let quiet: Bool
    private let running = Mutex<[ProgressEvent.Phase: Running]>([:])
    private let terminal: Terminal

    /// `quiet` leaves only warnings.
    init(terminal: Terminal, verbose: Bool, quiet: Bool = false) {
        self.terminal = terminal
        self.verbose = verbose
        self.quiet = quiet
    }

    func report(_ event: ProgressEvent) {
        switch event {
        case .began(let phase, let total):
            running.withLock { $0[phase] = Running(total: total) }
        case .advanced(let phase, let completed, let item):
            guard !quiet else { return }
            let line: String? = running.withLock { running in
                guard var entry = running[phase], let total = entry.total, total > 0 else { return nil }
                guard ContinuousClock.now - entry.said > .seconds(5) else { return nil }
                entry.said = ContinuousClock.now
                running[phase] = entry
                let percent = Int(min(1, Double(completed) / Double(total)) * 100)
                return "\(phase.rawValue): \(percent)%" + (item.map { " \($0)" } ?? "")
            }
            if let line { writeError(line + "\n") }
        case .ended(let phase, let note):
            let began = running.withLock { $0.removeValue(forKey: phase)?.began }
            if let note, let began, !quiet {
                writeError("\(phase.rawValue): \(note) (\(seconds(ContinuousClock.now - began)))\n")
            }
        case .warning(let text, let hint):
            writeError(messageLines(terminal, "warning", .yellow, text, hint: hint) + "\n")
        case .detail(let text):
            if verbose && !quiet { writeError("  \(text)\n") }
        }
    }
}

/// Progress for programs: one JSON object a line.
final class JSONProgress: ProgressSink {
    private struct Line: Encodable {
        var event: String
        var phase: ProgressEvent.Phase?
        var total: UInt64?
        var completed: UInt64?
        var unit: String?
        var item: String?
        var note: String?
        var message: String?
        var hint: String?
    }

    func report(_ event: ProgressEvent) {
        var line = Line(event: "")
        switch event {
        case .began(let phase, let total):
            line = Line(event: "began", phase: phase, total: total, unit: phase.unit == .bytes ? "bytes" : "items")
        case .advanced(let phase, let completed, let item):
            line = Line(event: "advanced", phase: phase, completed: completed, item: item)
        case .ended(let phase, let note): line = Line(event: "ended", phase: phase, note: note)
        case .warning(let text, let hint): line = Line(event: "warning", message: text, hint: hint)
        case .detail(let text): line = Line(event: "detail", message: text)
        }
        writeError(compactJSON(line) + "\n")
    }
}
