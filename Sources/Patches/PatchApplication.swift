internal import Diagnostics
public import Model
internal import System
public import SystemPackage

/// Patches on their way into one root.
public final class PatchApplication: Sendable {
    private let patches: [(patch: Patch, value: String?)]
    private let off: [PatchReport]
    private let memory = LineMemory()

    public convenience init(_ resolved: ResolvedPatches) {
        self.init(Array(zip(resolved.patches, resolved.selections.map(\.value))), off: resolved.off)
    }

    init(_ patches: [(patch: Patch, value: String?)], off: [PatchReport] = []) {
        self.patches = patches
        self.off = off
    }

    /// Looks for lines to change in the files that are there by now, so that `apply` needs only look at what came later: expressions
    /// are slow. Changes nothing; may run beside whoever fills the root.
    public func rehearse(in root: FilePath) {
        for (patch, value) in patches {
            // What goes wrong here goes wrong again in `apply`, or has passed by then.
            guard let directory = try? RootedDirectory(root) else { return }
            let runner = EditRunner(root: directory, value: value, memory: memory)
            for edit in patch.edits { try? runner.rehearse(edit) }
        }
    }

    /// Applies them to the root at `root`, in order. Paths and links are resolved inside the root, whatever it holds.
    ///
    /// - Returns: one report for each: applied with what changed, or not needed with the reason; then one for each that is off.
    /// - Throws: what went wrong with the patch's name, `.interrupted` between two edits. Edits done before stay done: the root is a
    ///   staged one that is thrown away.
    public func apply(to root: FilePath) throws -> [PatchReport] {
        try patches.map { patch, value in
            try apply(patch, EditRunner(root: try RootedDirectory(root), value: value, memory: memory))
        } + off
    }

    private func apply(_ patch: Patch, _ runner: consuming EditRunner) throws -> PatchReport {
        var changes: [String] = []
        var reasons: [String] = []
        var skipped: [String] = []
        for edit in patch.edits {
            try Interruption.check()
            do {
                switch try runner.run(edit) {
                case .changed(let more): changes += more
                case .notNeeded(let reason): if !reasons.contains(reason) { reasons.append(reason) }
                case .skipped(let reason): if !skipped.contains(reason) { skipped.append(reason) }
                }
            } catch var error as ProvisionError where error.code != .interrupted {
                error.message = "patch \"\(patch.name)\": \(error.message)"
                throw error
            }
        }
        guard changes.isEmpty else {
            return PatchReport(name: patch.name, outcome: .applied, detail: changes.joined(separator: ", "))
        }
        return PatchReport(
            name: patch.name, outcome: .notNeeded, detail: (reasons.isEmpty ? skipped : reasons).joined(separator: ", "))
    }
}
