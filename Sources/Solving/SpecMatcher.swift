internal import CSolv
internal import Glibc

/// Finds the packages that a spec means, as dnf4's `Subject` does.
///
/// Every package is looked at, those excluded or of a foreign architecture only where the caller says so.
struct SpecMatcher {
    struct Match {
        /// How the spec was read; nil where it matched as a provide or a file.
        var form: SpecForm?
        /// In the order of loading.
        var packages: [Id]
    }

    enum Scope {
        /// What dnf's queries see: everything that no exclude hides.
        case considered
        /// Also what excludes hide: for explanations.
        case everything
    }

    let pool: SolvPool
    let packages: [Id]

    /// - Parameter placeholder: a package that no spec may match.
    init(_ pool: SolvPool, besides placeholder: Id? = nil) {
        self.pool = pool
        packages = pool.packages.filter { !pool.isSource($0) && $0 != placeholder }
    }

    /// The first reading of `spec` that matches anything: NEVRA forms, then provides, then files.
    func match(_ spec: String, scope: Scope = .considered) -> Match? {
        if let match = matchIdentity(spec, scope: scope) { return match }
        for found in [providing(spec), isFilePattern(spec) ? owning(spec) : []] {
            let visible = found.filter { isVisible($0, scope) }
            if !visible.isEmpty { return Match(form: nil, packages: visible) }
        }
        return nil
    }

    /// As `match`, by NEVRA forms alone: so dnf reads excludes and includes.
    func matchIdentity(_ spec: String, scope: Scope = .considered) -> Match? {
        for form in SpecForm.readings(of: spec) {
            guard let name = Pattern(form.name, in: pool) else { continue }
            let found = packages.filter {
                name.matches(pool.solvable($0).pointee.name, in: pool) && isVisible($0, scope) && matches($0, form)
            }
            if !found.isEmpty { return Match(form: form, packages: found) }
        }
        guard isGlob(spec) else { return nil }
        let found = packages.filter { isVisible($0, scope) && fnmatch(spec, pool_solvid2str(pool.raw, $0), 0) == 0 }
        return found.isEmpty ? nil : Match(form: nil, packages: found)
    }

    /// Considered packages of exactly this name.
    func named(_ name: String) -> [Id] {
        guard let id = pool.id(of: name) else { return [] }
        return packages.filter { pool.solvable($0).pointee.name == id && pool.isConsidered($0) }
    }

    /// Considered packages that obsolete one of `targets` by name.
    func obsoleting(_ targets: Set<Id>) -> [Id] {
        packages.filter { package in
            pool.isConsidered(package)
                && pool.dependencies(SOLVABLE_OBSOLETES, of: package).contains { obsolete in
                    pool.providers(of: obsolete).contains {
                        targets.contains($0) && pool_match_nevr(pool.raw, pool.solvable($0), obsolete) != 0
                    }
                }
        }
    }

    private func isVisible(_ package: Id, _ scope: Scope) -> Bool { scope == .everything || pool.isConsidered(package) }

    // MARK: Names and versions

    /// A name to compare with those of all packages: a string's number, or a shell pattern.
    private enum Pattern {
        case exact(Id)
        case glob(String)

        /// nil where no package can match.
        init?(_ text: String, in pool: SolvPool) {
            if isGlob(text) {
                self = .glob(text)
            } else if let id = pool.id(of: text) {
                self = .exact(id)
            } else {
                return nil
            }
        }

        func matches(_ id: Id, in pool: SolvPool) -> Bool {
            switch self {
            case .exact(let wanted): id == wanted
            case .glob(let pattern): fnmatch(pattern, pool_id2str(pool.raw, id), 0) == 0
            }
        }
    }

    /// Whether a package of the right name matches in all else.
    private func matches(_ package: Id, _ form: SpecForm) -> Bool {
        if let arch = form.arch {
            guard let pattern = Pattern(arch, in: pool), pattern.matches(pool.solvable(package).pointee.arch, in: pool) else {
                return false
            }
        }
        if form.epoch == nil, form.version == nil, form.release == nil { return true }
        let (epoch, version, release) = pool.versionParts(of: package)
        if let wanted = form.epoch, wanted != epoch { return false }
        if let wanted = form.version, !versionText(version, matches: wanted) { return false }
        if let wanted = form.release, !versionText(release, matches: wanted) { return false }
        return true
    }

    /// Equal as versions (1.0 is 1.00), or by the pattern's letters.
    private func versionText(_ text: String, matches pattern: String) -> Bool {
        isGlob(pattern)
            ? fnmatch(pattern, text, 0) == 0
            : pool_evrcmp_str(pool.raw, "\(text)-0", "\(pattern)-0", EVRCMP_COMPARE) == 0
    }

    // MARK: Provides and files

    private func providing(_ spec: String) -> [Id] {
        var found: Set<Id> = []
        for dependency in dependencies(meantBy: spec) { found.formUnion(pool.providers(of: dependency)) }
        return found.filter { !pool.isSource($0) }.sorted()
    }

    /// `name`, `name >= 1.2`, `(a or b)`, or each provided name that a pattern matches.
    private func dependencies(meantBy spec: String) -> [Id] {
        if spec.hasPrefix("(") {
            let id = pool_parserpmrichdep(pool.raw, spec)
            return id == 0 ? [] : [id]
        }
        guard let parts = Comparison(spec) else { return [] }
        let names: [Id]
        if isGlob(parts.name) {
            names = (2..<pool.raw.pointee.ss.nstrings).filter {
                pool.raw.pointee.whatprovides[Int($0)] > 1 && fnmatch(parts.name, pool_id2str(pool.raw, $0), 0) == 0
            }
        } else {
            names = [pool.intern(parts.name)]
        }
        guard let relation = parts.relation else { return names }
        let version = pool.intern(relation.version)
        return names.map { pool_rel2id(pool.raw, $0, version, relation.flags, 1) }
    }

    private func owning(_ pattern: String) -> [Id] {
        let selection = IDQueue()
        let flags = SELECTION_FILELIST | SELECTION_FLAT | (isGlob(pattern) ? SELECTION_GLOB : 0)
        selection_make(pool.raw, &selection.raw, pattern, flags)
        let found = IDQueue()
        selection_solvables(pool.raw, &selection.raw, &found.raw)
        return Set(found.ids).sorted()
    }
}

/// `name`, or `name OP version` with or without blanks around the operator's own.
struct Comparison {
    var name: String
    var relation: (flags: Int32, version: String)?

    /// nil where the text can't be a capability.
    init?(_ text: String) {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        switch words.count {
        case 1: name = words[0]
        case 3:
            guard let flags = Self.operators[words[1]] else { return nil }
            name = words[0]
            relation = (flags, words[2])
        default: return nil
        }
        // A shell eats the blanks easily: name>=1.2 is understood too.
        if words.count == 1, let start = text.firstIndex(where: { "<>=".contains($0) }), start != text.startIndex {
            let end = text[start...].firstIndex { !"<>=".contains($0) } ?? text.endIndex
            guard let flags = Self.operators[String(text[start..<end])], end < text.endIndex else { return nil }
            name = String(text[..<start])
            relation = (flags, String(text[end...]))
        }
    }

    private static let operators: [String: Int32] = [
        "<": REL_LT, "<=": REL_LT | REL_EQ, "=": REL_EQ, "==": REL_EQ, ">=": REL_GT | REL_EQ, ">": REL_GT,
    ]
}
