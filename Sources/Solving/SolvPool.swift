internal import CSolv
internal import Model

/// libsolv's pool: all packages of all repositories, and the strings and relations that they speak of.
///
/// Freeing it frees its repositories. Not thread-safe; every resolution makes its own.
final class SolvPool {
    let raw: UnsafeMutablePointer<Pool>
    /// Packages that may be considered; nil where all may. Kept here because the pool only points to it.
    private(set) var considered: SolvableMap?

    /// - Parameter architecture: rpm's name of the target's; it decides what is installable and what is preferred. nil for a
    ///   pool that nothing is resolved in.
    init(architecture: String?) {
        _ = Self.memory
        raw = pool_create()
        // The library's default on Debian is DEB, whose versions compare otherwise.
        pool_setdisttype(raw, DISTTYPE_RPM)
        // So that an excluded provider is told as excluded rather than as missing.
        pool_set_flag(raw, POOL_FLAG_WHATPROVIDESWITHDISABLED, 1)
        // Debian builds libsolv without what Fedora's and EL's builds turn on for rpm: packages of one name may stand side
        // by side where their architectures are of different colours, and a wider choice of x86 variants.
        pool_set_flag(raw, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
        guard let architecture else { return }
        if let policy = Self.x86Policies[architecture] {
            pool_setarchpolicy(raw, policy)
        } else {
            pool_setarch(raw, architecture)
        }
    }

    /// Made ready once, before the first pool.
    private static let memory: Void = csolv_expect_much_memory()

    /// libsolv's notation for "these, the first being the best". The x86-64 levels are in its newer versions only.
    private static let x86Policies: [String: String] = {
        let plain = "x86_64:athlon:i686:i586:i486:i386"
        return [
            "x86_64": plain, "x86_64_v2": "x86_64_v2:" + plain, "x86_64_v3": "x86_64_v3:x86_64_v2:" + plain,
            "x86_64_v4": "x86_64_v4:x86_64_v3:x86_64_v2:" + plain,
        ]
    }()

    deinit { pool_free(raw) }

    /// The pool's last error, for messages.
    var errorText: String { String(cString: pool_errstr(raw)) }

    func addRepository(_ name: String) -> UnsafeMutablePointer<Repo> { repo_create(raw, name) }

    func addRepository(_ source: RepositorySource) -> UnsafeMutablePointer<Repo> {
        let repository = addRepository(source.id)
        // As dnf hands them to libsolv, whose greater number wins.
        repository.pointee.priority = -Int32(clamping: source.priority)
        repository.pointee.subpriority = -Int32(clamping: source.cost)
        return repository
    }

    /// Makes the pool ready to be asked who provides what; call it again after packages or file lists were added.
    func prepare() {
        pool_addfileprovides(raw)
        pool_createwhatprovides(raw)
    }

    func consider(_ map: SolvableMap?) {
        considered = map
        raw.pointee.considered = map?.raw
    }

    // MARK: Strings and relations

    func string(_ id: Id) -> String { String(cString: pool_id2str(raw, id)) }

    /// A dependency as rpm writes it: `bar >= 2`, `(a or b)`.
    func dependency(_ id: Id) -> String { String(cString: pool_dep2str(raw, id)) }

    /// The id of a string that some package uses, or nil.
    func id(of text: String) -> Id? {
        let id = pool_str2id(raw, text, 0)
        return id == 0 ? nil : id
    }

    func intern(_ text: String) -> Id { pool_str2id(raw, text, 1) }

    func relation(_ id: Id) -> Reldep? { csolv_is_relation(id) != 0 ? csolv_relation(raw, id) : nil }

    /// The plain names that a dependency is made of: one for `bar >= 2`, several for a rich one.
    func names(in dependency: Id) -> [Id] {
        guard let relation = relation(dependency) else { return [dependency] }
        return switch relation.flags {
        case REL_AND, REL_OR, REL_WITH, REL_WITHOUT, REL_COND, REL_UNLESS, REL_ELSE:
            names(in: relation.name) + names(in: relation.evr)
        default: names(in: relation.name)
        }
    }

    // MARK: Packages

    func solvable(_ id: Id) -> UnsafeMutablePointer<Solvable> { raw.pointee.solvables + Int(id) }

    /// Every package of every repository, in the order of loading.
    var packages: [Id] {
        (2..<max(2, raw.pointee.nsolvables)).filter { solvable($0).pointee.repo != nil }
    }

    func packages(of repository: UnsafeMutablePointer<Repo>) -> [Id] {
        (repository.pointee.start..<repository.pointee.end).filter { solvable($0).pointee.repo == repository }
    }

    /// Packages that provide `dependency`, also excluded ones, never ones of a foreign architecture.
    func providers(of dependency: Id) -> [Id] {
        var result: [Id] = []
        var next = pool_whatprovides_ptr(raw, dependency)
        while let id = next?.pointee, id != 0 {
            result.append(id)
            next = next.map { $0 + 1 }
        }
        return result
    }

    /// A list of packages as jobs refer to one.
    func list(_ packages: [Id]) -> Id { pool_queuetowhatprovides(raw, &IDQueue(packages).raw) }

    func isInstalled(_ id: Id) -> Bool {
        raw.pointee.installed != nil && solvable(id).pointee.repo == raw.pointee.installed
    }

    func isConsidered(_ id: Id) -> Bool { considered?.contains(id) ?? true }

    func isSource(_ id: Id) -> Bool {
        let arch = solvable(id).pointee.arch
        return arch == ARCH_SRC.id || arch == ARCH_NOSRC.id
    }

    func isForeign(_ id: Id) -> Bool { archScore(solvable(id).pointee.arch) == 0 }

    /// 0 where packages of this architecture can't be installed.
    private func archScore(_ arch: Id) -> UInt32 { pool_arch2score(raw, arch) }

    /// The dependencies of one kind, without libsolv's markers.
    func dependencies(_ kind: solv_knownid, of package: Id) -> [Id] {
        let queue = IDQueue()
        solvable_lookup_deparray(solvable(package), kind.id, &queue.raw, 0)
        return queue.ids.filter { $0 != SOLVABLE_PREREQMARKER.id && $0 != SOLVABLE_FILEMARKER.id }
    }

    /// Below zero where `left` is the older version.
    func compareVersions(_ left: Id, _ right: Id) -> Int32 {
        pool_evrcmp(raw, solvable(left).pointee.evr, solvable(right).pointee.evr, EVRCMP_COMPARE)
    }
}

extension solv_knownid {
    var id: Id { Id(rawValue) }
}
