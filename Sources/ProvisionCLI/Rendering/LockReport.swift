internal import Model
internal import Provisioning

/// Two locks' difference as release notes have it: what people look for first comes first.
func show(_ diff: LockDiff, global: GlobalOptions) {
    guard !global.json else { return printJSON(diff) }
    print(LockReport(diff, terminal: Terminal(color: global.color)).text)
}

/// The text of release notes.
struct LockReport {
    private let diff: LockDiff
    private let terminal: Terminal

    init(_ diff: LockDiff, terminal: Terminal) {
        self.diff = diff
        self.terminal = terminal
    }

    var text: String {
        guard !diff.isEmpty else { return "the locks say the same" }
        let sections: [(String, [[String]])] = [
            ("Request", diff.request.map { [$0] }),
            ("Upgraded", diff.upgraded.map(row)),
            ("Downgraded", diff.downgraded.map(row)),
            ("Replaced", diff.replaced.map(row)),
            ("Added", diff.added.map { [$0.nevra.name, $0.nevra.evr, $0.nevra.arch, $0.reason.words] }),
            ("Removed", diff.removed.map { [$0.nevra.name, $0.nevra.evr, $0.nevra.arch, "was " + $0.reason.words] }),
            ("Other reasons", diff.reasons.map { [$0.package.name, "\($0.old) -> \($0.new)"] }),
            ("Repositories", diff.repositories.flatMap { change in change.changes.map { [change.id, $0] } }),
            ("Keys added", diff.addedKeys.map { [$0.fingerprint, $0.owner] }),
            ("Keys removed", diff.removedKeys.map { [$0.fingerprint, $0.owner] }),
        ]
        let parts = sections.filter { !$0.1.isEmpty }.map { title, rows in
            terminal.styled(title, .bold) + "\n" + aligned(rows)
        }
        return (parts + [summary]).joined(separator: "\n\n")
    }

    private func row(_ change: LockDiff.Change) -> [String] {
        var row = [change.new.name, "\(change.old.evr) -> \(change.new.evr)"]
        if change.old.arch != change.new.arch { row.append("\(change.old.arch) -> \(change.new.arch)") }
        row.append(
            change.oldRepository == change.newRepository
                ? change.newRepository : "\(change.oldRepository) -> \(change.newRepository)")
        return row
    }

    private func aligned(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            "  " + row.indices.map { $0 == row.count - 1 ? row[$0] : row[$0].padded(to: widths[$0]) }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private var summary: String {
        let counts = [
            (diff.upgraded.count, "upgraded"), (diff.downgraded.count, "downgraded"), (diff.replaced.count, "replaced"),
            (diff.added.count, "added"), (diff.removed.count, "removed"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        let packages = counts.isEmpty ? "no package changed" : counts.joined(separator: ", ")
        return "\(packages); download \(signed(diff.downloadBytes)), installed \(signed(diff.installedBytes))"
    }

    private func signed(_ bytes: Int64) -> String { (bytes < 0 ? "-" : "+") + formatted(bytes: bytes.magnitude) }
}
