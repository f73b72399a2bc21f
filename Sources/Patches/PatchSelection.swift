public import Diagnostics
public import Model
internal import System

/// A patch that is to be applied, with its value where it takes one.
public struct PatchSelection: Sendable, Hashable {
    public var name: String
    /// May be a password: never put it into messages.
    public var value: String?

    public init(name: String, value: String? = nil) {
        self.name = name
        self.value = value
    }

    /// From `NAME` or `NAME=VALUE`, as `--patch` takes it.
    public init(parsing text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : nil)
    }
}

extension PatchSelection: CustomStringConvertible {
    public var description: String { name + (value == nil ? "" : "=…") }
}

/// What is to be applied, in order, and reports on what stays off.
public struct ResolvedPatches: Sendable, Equatable {
    public let selections: [PatchSelection]
    /// What each of them does.
    let patches: [Patch]
    /// One `.off` report for each patch of the catalogue that isn't applied, with the reason.
    public let off: [PatchReport]
    /// A canonical text of what the patches are and do, for the digest of a request. It holds no value in the clear.
    public let fingerprint: String
}

extension PatchCatalog {
    /// Which patches apply.
    ///
    /// - Parameters:
    ///   - defaults: names that are on unless switched off, as the release says; nil for those that are on by themselves.
    ///   - enabled: what `--patch` adds.
    ///   - disabled: what `--no-patch` takes away.
    /// - Throws: `.usage` with the nearest name for an unknown one, for a patch that is switched both on and off, and for a value
    ///   that is missing or not wanted; `.configuration` for an unknown one among `defaults`.
    public func resolve(
        defaults: [String]?, enabled: [PatchSelection] = [], disabled: [String] = []
    ) throws(ProvisionError) -> ResolvedPatches {
        let known = try ids()
        for name in enabled.map(\.name) + disabled where !known.contains(name) { throw unknown(name, among: known, .usage) }
        for name in defaults ?? [] where !known.contains(name) { throw unknown(name, among: known, .configuration) }
        for selection in enabled where disabled.contains(selection.name) {
            throw ProvisionError(.usage, "the patch \"\(selection.name)\" is switched both on and off")
        }
        var patches: [String: Patch] = [:]
        for name in known { patches[name] = try read(name) }

        let names = defaults ?? known.filter { patches[$0]?.isDefault == true }
        var selections = names.filter { !disabled.contains($0) }.map { PatchSelection(name: $0) }
        for selection in enabled {
            // The last value counts, at the place of the first mention.
            if let index = selections.firstIndex(where: { $0.name == selection.name }) {
                selections[index] = selection
            } else {
                selections.append(selection)
            }
        }
        for selection in selections { try checkValue(of: selection, patches[selection.name]) }
        let off = known.filter { name in !selections.contains { $0.name == name } }.map { name in
            let offer = "not on by default; --patch \(name) would \(patches[name]?.summary ?? "apply it")"
            return PatchReport(name: name, outcome: .off, detail: disabled.contains(name) ? "switched off" : offer)
        }
        let lines = selections.map { selection in
            let value = selection.value.map { " " + sha256(of: $0).hex } ?? ""
            return "patch=\(selection.name) \(patches[selection.name]?.digest ?? "")\(value)\n"
        }
        return ResolvedPatches(
            selections: selections,
            patches: try selections.map { (selection) throws(ProvisionError) in
                // It may have gone meanwhile.
                guard let patch = patches[selection.name] else { throw unknown(selection.name, among: known, .usage) }
                return patch
            }, off: off, fingerprint: lines.joined())
    }

    private func checkValue(of selection: PatchSelection, _ patch: Patch?) throws(ProvisionError) {
        guard let patch else { return }
        switch (patch.value, selection.value) {
        case (let what?, nil):
            throw ProvisionError(
                .usage, "the patch \"\(patch.name)\" needs a value: \(what)", hint: "--patch \(patch.name)=VALUE")
        case (let what?, ""?):
            throw ProvisionError(.usage, "the value of the patch \"\(patch.name)\" is empty: \(what)")
        case (nil, _?):
            throw ProvisionError(.usage, "the patch \"\(patch.name)\" takes no value", hint: "--patch \(patch.name)")
        default: return
        }
    }
}
