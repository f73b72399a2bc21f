internal import CSolv

/// Weak dependencies that the installed system lives without already are not to be pulled in by something new.
///
/// Source: libdnf's `exclude_from_weak_autodetect`, on by default in dnf4.
enum WeakExclusions {
    static func find(in pool: SolvPool, matcher: SpecMatcher) -> [Id] {
        let installed = matcher.packages.filter { pool.isInstalled($0) && pool.isConsidered($0) }
        guard !installed.isEmpty else { return [] }
        var result: Set<Id> = []
        for package in installed {
            for dependency in pool.dependencies(SOLVABLE_RECOMMENDS, of: package) where !isRich(dependency, pool) {
                // The version doesn't matter: what is installed may be another one.
                let name = pool.relation(dependency)?.name ?? dependency
                let providers = pool.providers(of: name).filter { pool.isConsidered($0) }
                if !providers.contains(where: pool.isInstalled) { result.formUnion(providers) }
            }
        }
        let names = Set(installed.map { pool.solvable($0).pointee.name })
        for package in matcher.packages where !pool.isInstalled(package) && pool.isConsidered(package) {
            guard !names.contains(pool.solvable(package).pointee.name) else { continue }
            let supplements = pool.dependencies(SOLVABLE_SUPPLEMENTS, of: package).filter { !isRich($0, pool) }
            if supplements.contains(where: { pool.providers(of: $0).contains(where: pool.isInstalled) }) {
                result.insert(package)
            }
        }
        return result.sorted()
    }

    private static func isRich(_ dependency: Id, _ pool: SolvPool) -> Bool {
        (pool.relation(dependency)?.flags ?? 0) > (REL_GT | REL_EQ | REL_LT)
    }
}
