internal import Diagnostics
internal import Model

/// One phase under way, as a line that fits the terminal: what has no room is left out, the least telling first.
struct ProgressLine {
    var phase: ProgressEvent.Phase
    var total: UInt64?
    var completed: UInt64 = 0
    /// What was there when the phase began to count: it says nothing of how fast the rest comes.
    var first: UInt64?
    var item: String?

    /// - Parameters:
    ///   - elapsed: since the phase began.
    ///   - width: columns of the terminal. The last one stays free: some terminals go on to the next line after it.
    func rendered(elapsed: Duration, width: Int, _ terminal: Terminal) -> String {
        let room = max(0, width - 1)
        let label = "  " + terminal.styled(phase.rawValue.padded(to: 9), .bold)
        var used = 11
        guard let total, total > 0 else {
            let amount = phase.unit == .bytes && completed > 0 ? " \(formatted(bytes: completed)) " : ""
            used += amount.count
            guard used + 11 <= room else { return label }
            return label + amount + " " + terminal.styled(String((item ?? "").prefix(room - used - 1)), .dim)
        }
        let share = min(1, Double(completed) / Double(total))
        let percent = "\(Int(share * 100))%".padded(to: 4, leading: true)
        used += 1 + percent.count
        guard used <= room else { return label }
        var amount =
            phase.unit == .bytes
            ? " \(formatted(bytes: completed)) of \(formatted(bytes: total))" : " \(completed) of \(total)"
        if used + amount.count > room { amount = "" }
        used += amount.count
        let cells = min(30, max(8, width / 4))
        let bar = used + 1 + cells <= room ? " " + terminal.bar(share, width: cells) : ""
        used += bar.isEmpty ? 0 : 1 + cells
        var rest = ""
        if let speed = speed(of: total, elapsed), used + 2 + speed.count <= room {
            rest += "  " + speed
            used += 2 + speed.count
        }
        // A stump of a name tells nobody anything.
        if let item, room - used - 2 >= min(12, item.count) {
            rest += "  " + terminal.styled(String(item.prefix(room - used - 2)), .dim)
        }
        return label + bar + " " + percent + amount + rest
    }

    /// How fast bytes came so far, and how long the rest takes at that; nil in the first moments, and when all is there.
    private func speed(of total: UInt64, _ elapsed: Duration) -> String? {
        let time = elapsed / .seconds(1)
        guard phase.unit == .bytes, completed < total, time >= 1, let first, completed > first else { return nil }
        let rate = Double(completed - first) / time
        let left = (Double(total - completed) / rate).rounded(.up)
        let words = left < 10 ? "\(Int(left)) s" : seconds(.seconds(left))
        return "\(formatted(bytes: UInt64(rate)))/s, \(words) left"
    }
}
