internal import CSolv

/// One rule of a problem: that two packages exclude each other, that one needs something, that one can't be installed.
struct RuleFact: Hashable {
    enum Shape {
        /// `source` requires `dependency`, and whoever provides it has a problem of its own.
        case edge
        /// `source` can't be, for a reason of its own.
        case single
        /// `source` and `target` can't be together.
        case pair
        /// An installed package has to stay: a fact only to complete others.
        case background
    }

    var kind: SolverRuleinfo
    var source: Id
    var target: Id
    var dependency: Id

    var shape: Shape {
        switch kind {
        case SOLVER_RULE_PKG_REQUIRES, SOLVER_RULE_PKG_RECOMMENDS, SOLVER_RULE_PKG_SUPPLEMENTS, SOLVER_RULE_RECOMMENDS:
            .edge
        case SOLVER_RULE_PKG_CONFLICTS, SOLVER_RULE_PKG_SAME_NAME, SOLVER_RULE_PKG_OBSOLETES,
            SOLVER_RULE_PKG_IMPLICIT_OBSOLETES, SOLVER_RULE_PKG_INSTALLED_OBSOLETES, SOLVER_RULE_PKG_CONSTRAINS,
            SOLVER_RULE_YUMOBS:
            .pair
        case SOLVER_RULE_UPDATE, SOLVER_RULE_FEATURE, SOLVER_RULE_CHOICE, SOLVER_RULE_LEARNT, SOLVER_RULE_UNKNOWN,
            SOLVER_RULE_PKG:
            .background
        default: .single
        }
    }
}
