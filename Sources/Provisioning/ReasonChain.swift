public import Diagnostics
public import Model

/// Why a package is in a plan: from what was asked for to the package, each step needed by the one before.
public struct ReasonChain: Encodable, Sendable, Equatable {
    public struct Step: Encodable, Sendable, Equatable {
        public var package: NEVRA
        /// `requested`, `group:core`, `requires:CAPABILITY`, `recommends:CAPABILITY`.
        public var reason: String
        /// The same for people.
        public var words: String
    }

    public var package: NEVRA
    /// From the request to the package itself.
    public var steps: [Step]

    /// The chains of every package of the plan that has this name, name and architecture, or NEVRA.
    ///
    /// - Throws: `.notFound` where the plan has no such package, with the nearest name.
    public static func chains(to word: String, in plan: BuildAnswer) throws(ProvisionError) -> [ReasonChain] {
        let found = plan.packages.filter { package in
            let nevra = package.nevra
            return [nevra.name, "\(nevra.name).\(nevra.arch)", nevra.description, "\(nevra.name)-\(nevra.evr)"].contains(word)
        }
        guard found.isEmpty else { return found.map { ReasonChain(to: $0, in: plan.packages) } }
        let near = nearest(to: word, in: plan.packages.map(\.nevra.name).sorted()).map { "did you mean \"\($0)\"?" }
        throw ProvisionError(
            .notFound, "the plan installs no package \"\(word)\"",
            hint: near ?? plan.parent.map { "it may be in \"\($0.name)\" already: provision show \($0.name)" })
    }

    init(to package: PlannedPackage, in packages: [PlannedPackage]) {
        let byNEVRA = Dictionary(packages.map { ($0.nevra.description, $0) }) { first, _ in first }
        self.package = package.nevra
        var steps: [Step] = []
        var next: PlannedPackage? = package
        // A chain visits each package once: reasons come from a walk in breadth, but a lock may have been edited.
        while let current = next, steps.count <= packages.count {
            steps.append(Step(package: current.nevra, reason: current.reason.label, words: current.reason.words))
            next = current.reason.requiredBy.flatMap { byNEVRA[$0] }
        }
        self.steps = steps.reversed()
    }
}
