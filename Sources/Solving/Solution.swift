public import Model

/// The answer to a request that can be satisfied.
public struct Solution: Sendable, Equatable {
    /// A spec or group member that needs nothing, because a package that answers it is installed and stays.
    public struct Satisfied: Sendable, Equatable {
        /// As it was written; a group's member by its name.
        public var spec: String
        public var package: NEVRA

        public init(spec: String, package: NEVRA) {
            self.spec = spec
            self.package = package
        }
    }

    /// An installed package that goes away because of the plan.
    public struct Replacement: Sendable, Equatable {
        public var old: NEVRA
        /// The plan's package that updates or obsoletes it.
        public var new: NEVRA?

        public init(old: NEVRA, new: NEVRA?) {
            self.old = old
            self.new = new
        }
    }

    /// What to install, dependencies first. Empty where everything is installed already.
    public var plan: Plan
    public var alreadyInstalled: [Satisfied]
    public var replaced: [Replacement]

    public init(plan: Plan, alreadyInstalled: [Satisfied] = [], replaced: [Replacement] = []) {
        self.plan = plan
        self.alreadyInstalled = alreadyInstalled
        self.replaced = replaced
    }
}
