internal import CSolv
public import Model

/// Which of two versions is the newer, as rpm compares epoch, version and release.
public final class VersionOrder {
    private let pool = SolvPool(architecture: "noarch")

    public init() {}

    /// Below zero where `left` is older than `right`, zero where they are equal.
    public func compare(_ left: NEVRA, _ right: NEVRA) -> Int {
        Int(pool_evrcmp_str(pool.raw, left.evr, right.evr, EVRCMP_COMPARE))
    }
}
