internal import CSolv
internal import Glibc

/// Makes the `ClosureIndex` of a repository that is alone in its pool.
struct ClosureIndexWriter {
    private let pool: SolvPool
    private let repository: UnsafeMutablePointer<Repo>
    /// Without source packages, which nothing is resolved with.
    private let packages: [Id]
    private var sections = [[UInt8]](repeating: [], count: ClosureIndex.Section.allCases.count)
    private var paths: [String] = []
    private var numbers: [String: UInt32] = [:]

    init(_ repository: UnsafeMutablePointer<Repo>, in pool: SolvPool) {
        self.pool = pool
        self.repository = repository
        packages = pool.packages(of: repository).filter { !pool.isSource($0) }
    }

    /// The index's bytes.
    mutating func make() -> [UInt8] {
        let strings = (0..<pool.raw.pointee.ss.nstrings).map { pool_id2str(pool.raw, $0) }
        writeTexts(strings, .stringOffsets, .stringBytes, .stringTable)
        let relations = UnsafeBufferPointer(start: pool.raw.pointee.rels, count: Int(pool.raw.pointee.nrels))
        write(relations.flatMap { [UInt32(bitPattern: $0.name), UInt32(bitPattern: $0.evr), UInt32($0.flags)] }, .relations)
        writePackages(strings: strings.count)
        var content: [UInt8] = []
        var position = 8 * sections.count
        for section in sections {
            for word in [UInt32(position), UInt32(section.count)] { withUnsafeBytes(of: word) { content += $0 } }
            position = (position + section.count + 7) & ~7
        }
        for section in sections {
            content += section
            content += [UInt8](repeating: 0, count: -section.count & 7)
        }
        return content
    }

    private mutating func write(_ words: [UInt32], _ section: ClosureIndex.Section) {
        words.withUnsafeBytes { sections[section.rawValue] += $0 }
    }

    private mutating func writeTexts(
        _ texts: [UnsafePointer<CChar>?], _ offsets: ClosureIndex.Section, _ bytes: ClosureIndex.Section,
        _ table: ClosureIndex.Section
    ) {
        var size = 1
        while size < 2 * texts.count { size *= 2 }
        var places = [UInt32](repeating: 0, count: size)
        var starts: [UInt32] = []
        for (number, text) in texts.enumerated() {
            starts.append(UInt32(sections[bytes.rawValue].count))
            // The pool's string 0 is none.
            let text = UnsafeRawBufferPointer(start: text, count: text.map { strlen($0) } ?? 0).bindMemory(to: UInt8.self)
            sections[bytes.rawValue] += text
            sections[bytes.rawValue].append(0)
            var place = Int(ClosureIndex.TextTable.hash(text)) & (size - 1)
            while places[place] != 0 { place = (place + 1) & (size - 1) }
            places[place] = UInt32(number + 1)
        }
        starts.append(UInt32(sections[bytes.rawValue].count))
        write(starts, offsets)
        write(places, table)
    }

    // MARK: - Packages

    private mutating func writePackages(strings: Int) {
        let owned = files()
        var (heads, dependencies, files) = ([UInt32](), [UInt32](), [UInt32]())
        var facts: [UInt8] = []
        var (providers, owners, obsoleters, supplementers) = ([Pair](), [Pair](), [Pair](), [Pair]())
        for (number, id) in packages.enumerated() {
            let package = UInt32(number)
            let solvable = pool.solvable(id).pointee
            heads += [UInt32(solvable.name), UInt32(solvable.evr), UInt32(solvable.arch)]
            heads += [UInt32(dependencies.count), UInt32(files.count), UInt32(facts.count)]
            providers.append(Pair(text: UInt32(solvable.name), package: package))
            for kind in ClosureIndex.Dependency.allCases {
                let start = dependencies.count
                dependencies.append(0)
                eachDependency(kind, of: solvable) { dependencies.append(UInt32(bitPattern: $0)) }
                dependencies[start] = UInt32(dependencies.count - start - 1)
                for dependency in dependencies[(start + 1)...] {
                    func add(_ pairs: inout [Pair]) {
                        eachName(in: Id(bitPattern: dependency)) { name in
                            let isOwn = kind == .provides && name == solvable.name
                            if !isOwn { pairs.append(Pair(text: UInt32(name), package: package)) }
                        }
                    }
                    switch kind {
                    case .provides: add(&providers)
                    case .obsoletes: add(&obsoleters)
                    case .supplements: add(&supplementers)
                    default: break
                    }
                }
            }
            let own = owned[id] ?? []
            owners += own.map { Pair(text: $0, package: package) }
            files += own
            PackageFacts.write(of: id, in: pool, to: &facts)
        }
        heads += [0, 0, 0, UInt32(dependencies.count), UInt32(files.count), UInt32(facts.count)]
        write(heads, .packages)
        write(dependencies, .dependencies)
        write(files, .files)
        sections[ClosureIndex.Section.facts.rawValue] = facts
        let texts = paths.map { strdup($0) }
        writeTexts(texts.map { UnsafePointer($0) }, .pathOffsets, .pathBytes, .pathTable)
        for text in texts { free(text) }
        writeLists(providers, of: strings, .providerOffsets, .providers)
        writeLists(owners, of: paths.count, .ownerOffsets, .owners)
        write(obsoleters.sorted().flatMap { [$0.text, $0.package] }, .obsoleters)
        write(supplementers.sorted().flatMap { [$0.text, $0.package] }, .supplementers)
    }

    /// A package and the number of a text that it has to do with.
    private struct Pair: Comparable {
        var text, package: UInt32
        static func < (left: Pair, right: Pair) -> Bool { (left.text, left.package) < (right.text, right.package) }
    }

    /// As `SolvPool.names`, without an array for each of hundreds of thousands.
    private func eachName(in dependency: Id, _ body: (Id) -> Void) {
        guard let relation = pool.relation(dependency) else { return body(dependency) }
        if relation.flags <= REL_GT | REL_EQ | REL_LT, csolv_is_relation(relation.name) == 0 { return body(relation.name) }
        for name in pool.names(in: dependency) { body(name) }
    }

    /// The packages of each text, in their own order, and where each text's begin.
    private mutating func writeLists(
        _ pairs: [Pair], of texts: Int, _ offsets: ClosureIndex.Section, _ section: ClosureIndex.Section
    ) {
        var starts = [UInt32](repeating: 0, count: texts + 1)
        for pair in pairs { starts[Int(pair.text) + 1] += 1 }
        for text in 0..<texts { starts[text + 1] += starts[text] }
        var places = starts
        var lists = [UInt32](repeating: 0, count: pairs.count)
        for pair in pairs {
            lists[Int(places[Int(pair.text)])] = pair.package
            places[Int(pair.text)] += 1
        }
        write(starts, offsets)
        write(lists, section)
    }

    /// As they stand in the pool, markers included.
    private func eachDependency(_ kind: ClosureIndex.Dependency, of solvable: Solvable, _ body: (Id) -> Void) {
        let offset = solvable[keyPath: kind.offset]
        guard offset != 0, var next = repository.pointee.idarraydata.map({ $0 + Int(offset) }) else { return }
        while next.pointee != 0 {
            body(next.pointee)
            next += 1
        }
    }

    /// Of each package, the numbers of its files in `paths`, which this fills.
    private mutating func files() -> [Id: [UInt32]] {
        var result: [Id: [UInt32]] = [:]
        var iterator = Dataiterator()
        guard dataiterator_init(&iterator, pool.raw, repository, 0, SOLVABLE_FILELIST.id, nil, 0) == 0 else { return [:] }
        defer { dataiterator_free(&iterator) }
        while dataiterator_step(&iterator) != 0 {
            let path = String(cString: repodata_dir2str(iterator.data, iterator.kv.id, iterator.kv.str))
            let number = numbers[path] ?? UInt32(paths.count)
            if number == paths.count {
                numbers[path] = number
                paths.append(path)
            }
            result[iterator.solvid, default: []].append(number)
        }
        return result
    }
}

extension ClosureIndex.Dependency {
    /// Where libsolv keeps the list's place.
    var offset: WritableKeyPath<Solvable, Offset> {
        switch self {
        case .provides: \.provides
        case .requires: \.requires
        case .obsoletes: \.obsoletes
        case .conflicts: \.conflicts
        case .recommends: \.recommends
        case .suggests: \.suggests
        case .supplements: \.supplements
        case .enhances: \.enhances
        }
    }
}
