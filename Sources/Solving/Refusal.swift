internal import CSolv
internal import Diagnostics
internal import Model

/// Why something asked for can't be had, in words: whose wish it was, the chain from there to the cause, what may help.
struct Refusal {
    /// Quoted, as `Job.Origin.quoted` writes them.
    var subjects: [String]
    var causes: [String]
    var hint: String?

    /// One error of several refusals: every subject is named, every chain kept, the first hint given.
    static func combined(_ refusals: [Refusal]) -> ProvisionError {
        var subjects: [String] = []
        var causes: [String] = []
        for refusal in refusals {
            subjects += refusal.subjects.filter { !subjects.contains($0) }
            causes += refusal.causes.filter { !causes.contains($0) }
        }
        return ProvisionError(
            .unsatisfiable, "cannot install \(listed(subjects))", hint: refusals.lazy.compactMap(\.hint).first, causes: causes)
    }

    static func listed(_ words: [String]) -> String {
        guard let last = words.last else { return "what was asked for" }
        return words.count == 1 ? last : words.dropLast().joined(separator: ", ") + " and " + last
    }

    /// For a spec that no package answers: hidden by an exclude, there in another version only, or a name that no one has.
    static func unmatched(_ spec: String, matcher: SpecMatcher, exclusions: Exclusions) -> Refusal {
        let pool = matcher.pool
        var refusal = Refusal(subjects: ["\"\(spec)\""], causes: [], hint: nil)
        if let hidden = matcher.match(spec, scope: .everything) {
            refusal.causes = newest(hidden.packages, in: pool).map { id in
                "\(pool.nevra(of: id)) is \(exclusions.reasons[id]?.text ?? "excluded")"
            }
            refusal.hint = hidden.packages.lazy.compactMap { exclusions.reasons[$0]?.remedy }.first
            return refusal
        }
        let name = Comparison(spec)?.name ?? spec
        let others = SpecForm.readings(of: name).lazy.map { matcher.named($0.name) }.first { !$0.isEmpty } ?? []
        if !others.isEmpty {
            let there = newest(others, in: pool).map { pool.nevra(of: $0).description }
            refusal.causes = ["no enabled repository has \"\(spec)\" (there is \(listed(there)))"]
            return refusal
        }
        refusal.causes = ["no enabled repository has a package \"\(spec)\" or one that provides it"]
        let limit = max(1, name.count / 3)
        let names = Set(matcher.packages.filter { pool.isConsidered($0) }.map { pool.solvable($0).pointee.name })
            .lazy.map { pool.string($0) }.filter { abs($0.utf8.count - name.utf8.count) <= limit }
        if let near = nearest(to: name, in: names.sorted()) { refusal.hint = "did you mean \"\(near)\"?" }
        return refusal
    }

    /// The newest package of each name, at most three.
    static func newest(_ packages: [Id], in pool: SolvPool) -> [Id] {
        var best: [Id] = []
        for id in packages {
            if let index = best.firstIndex(where: { pool.solvable($0).pointee.name == pool.solvable(id).pointee.name }) {
                if pool.compareVersions(best[index], id) < 0 { best[index] = id }
            } else {
                best.append(id)
            }
        }
        return Array(best.prefix(3))
    }
}
