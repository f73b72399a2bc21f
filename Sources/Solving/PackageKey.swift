internal import CSolv
internal import Model

/// A package's identity by the pool's numbers, quicker to compare than its text.
struct PackageKey: Hashable {
    private let name, version, arch: Id

    init(_ package: Id, in pool: SolvPool) {
        let solvable = pool.solvable(package)
        (name, version, arch) = (solvable.pointee.name, solvable.pointee.evr, solvable.pointee.arch)
    }

    /// Of a NEVRA; nil where no package of the pool can be it.
    init?(_ text: String, in pool: SolvPool) {
        // Most of what modules list is not in the pool.
        guard let word = NEVRA.name(in: text), let name = pool.id(of: String(word)), let nevra = NEVRA(text),
            let version = pool.id(of: nevra.evr), let arch = pool.id(of: nevra.arch)
        else { return nil }
        (self.name, self.version, self.arch) = (name, version, arch)
    }
}
