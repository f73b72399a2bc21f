internal import Diagnostics
internal import Glibc
internal import Model
internal import Synchronization

/// Progress for a person at a terminal: one line a phase, the running one redrawn in place.
final class TerminalProgress: ProgressSink {
    private struct Running {
        var line: ProgressLine
        var began = ContinuousClock.now
        var drawn: ContinuousClock.Instant?
    }

    private struct State {
        /// Phases under way, in the order in which they began: downloads and installation may overlap.
        var running: [Running] = []
        var linesDrawn = 0
    }

    private let terminal: Terminal
    private let verbose: Bool
    private let state = Mutex(State())

    init(terminal: Terminal, verbose: Bool) {
        self.terminal = terminal
        self.verbose = verbose
    }

    func report(_ event: ProgressEvent) {
        state.withLock { state in
            switch event {
            case .began(let phase, let total):
                state.running.append(Running(line: ProgressLine(phase: phase, total: total)))
                redraw(&state)
            case .advanced(let phase, let completed, let item):
                guard let index = state.running.firstIndex(where: { $0.line.phase == phase }) else { return }
                state.running[index].line.completed = completed
                if state.running[index].line.first == nil { state.running[index].line.first = completed }
                if let item { state.running[index].line.item = item }
                // Thirty pictures a second are enough for any eye.
                let now = ContinuousClock.now
                if let drawn = state.running[index].drawn, now - drawn < .milliseconds(33) { return }
                state.running[index].drawn = now
                redraw(&state)
            case .ended(let phase, let note):
                guard let index = state.running.firstIndex(where: { $0.line.phase == phase }) else { return }
                let ended = state.running.remove(at: index)
                let line = note.map { finished(ended, note: $0) }
                redraw(&state, above: line)
            case .warning(let text, let hint):
                redraw(&state, above: messageLines(terminal, "warning", .yellow, text, hint: hint))
            case .detail(let text):
                if verbose { redraw(&state, above: terminal.styled("  " + text, .dim)) }
            }
        }
    }

    /// Wipes what is drawn of unfinished phases: called before an error is shown.
    func clear() {
        state.withLock { state in
            state.running = []
            redraw(&state)
        }
    }

    private func redraw(_ state: inout State, above: String? = nil) {
        var text = state.linesDrawn > 0 ? "\r\u{1B}[\(state.linesDrawn)A\u{1B}[J" : ""
        if let above { text += above + "\n" }
        let (width, now) = (terminal.columns, ContinuousClock.now)
        for running in state.running {
            text += running.line.rendered(elapsed: now - running.began, width: width, terminal) + "\n"
        }
        state.linesDrawn = state.running.count
        writeError(text)
    }

    private func finished(_ running: Running, note: String) -> String {
        let label = running.line.phase.rawValue.padded(to: 9)
        let time = seconds(ContinuousClock.now - running.began)
        return "\(terminal.done) \(terminal.styled(label, .bold)) \(note) \(terminal.styled(time, .dim))"
    }
}

/// `0.4 s`, `12 s`, `2 min 5 s`.
func seconds(_ duration: Duration) -> String {
    let value = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    if value < 9.95 { return "\(Int(value * 10 + 0.5) / 10).\(Int(value * 10 + 0.5) % 10) s" }
    if value < 120 { return "\(Int(value + 0.5)) s" }
    return "\(Int(value) / 60) min \(Int(value) % 60) s"
}

extension String {
    func padded(to width: Int, leading: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, width - count))
        return leading ? padding + self : self + padding
    }
}

/// A message as every renderer shows it: the fact first, the remedy on a line of its own.
func messageLines(_ terminal: Terminal, _ label: String, _ style: Terminal.Style, _ text: String, hint: String?) -> String {
    let first = "\(terminal.styled(label + ":", style)) \(text.printable)"
    guard let hint else { return first }
    return first + "\n" + terminal.styled("hint:", .cyan) + " " + hint.printable
}
