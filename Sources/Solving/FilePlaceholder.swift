internal import CSolv

/// Stands for the owners of files that primary metadata doesn't tell.
///
/// File lists are large and seldom matter. So the first attempt takes every file that only they could tell as provided, by
/// one made-up package without needs. An answer that doesn't hold this package needed no such file, and nothing was given
/// up for the lack of one: it stands. An answer that holds it is thrown away, and the file lists are loaded.
struct FilePlaceholder {
    let package: Id
    private let pool: SolvPool

    /// To be called after all repositories are loaded and before `prepare()`, which a change of packages would undo.
    init(in pool: SolvPool) {
        self.pool = pool
        package = repo_add_solvable(pool.addRepository("@filelists"))
        let solvable = pool.solvable(package)
        solvable.pointee.name = pool.intern("@filelists")
        solvable.pointee.evr = pool.intern("0-0")
        solvable.pointee.arch = ARCH_NOARCH.id
    }

    /// To be called between `prepare()` and the first question about providers.
    func provideUnknownFiles() {
        let unknown = (2..<pool.raw.pointee.ss.nstrings).filter { id in
            guard let text = pool_id2str(pool.raw, id), text.pointee == CChar(UInt8(ascii: "/")) else { return false }
            return pool_whatprovides(pool.raw, id) == 1 && !isListedInPrimary(text)
        }
        guard !unknown.isEmpty else { return }
        let providers = pool.list([package])
        // Nothing has asked about relations yet, so there is no cache of them to clear, which pool_set_whatprovides would do
        // once for each file.
        for id in unknown { pool.raw.pointee.whatprovides[Int(id)] = Offset(providers) }
    }
}
