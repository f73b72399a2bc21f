internal import CSolv
internal import Glibc

/// Some packages of indexed repositories, in a pool as if all of them were: strings and packages stand in the same order, which
/// breaks the solver's ties.
struct Closure {
    private struct Part {
        let index: ClosureIndex
        /// By their place behind `first`.
        let packages: [Int]
        let first: Id
    }

    private var parts: [Part] = []

    /// How many packages were loaded, and how many there are.
    var count: Int { parts.reduce(0) { $0 + $1.packages.count } }
    var countOfAll: Int { parts.reduce(0) { $0 + $1.index.packageCount } }

    /// - Parameter found: by index and package, which of them to load.
    init(
        _ found: [[Bool]], of sources: [(RepositorySource, ClosureIndex)], into pool: SolvPool
    ) throws(ClosureIndex.Damage) {
        let marks = try StringMarks(found, sources.map(\.1))
        for (number, (source, index)) in sources.enumerated() {
            let packages = found[number].indices.filter { found[number][$0] }
            let repository = pool.addRepository(source)
            var numbers = try Numbers(marks, of: number, index, in: pool)
            let first = repo_add_solvable_block(repository, Int32(packages.count))
            let data = repo_add_repodata(repository, 0)
            for (place, package) in packages.enumerated() {
                try numbers.load(package, as: first + Id(place), of: repository, data)
            }
            repodata_internalize(data)
            parts.append(Part(index: index, packages: packages, first: first))
        }
    }

    /// nil for a package of another origin.
    func facts(of id: Id) throws(ClosureIndex.Damage) -> PackageFacts? {
        for part in parts where part.packages.indices.contains(Int(id - part.first)) {
            return try part.index.facts(of: part.packages[Int(id - part.first)])
        }
        return nil
    }
}

/// Which strings and relations of each index are needed.
private struct StringMarks {
    private(set) var strings: [[Bool]]
    private(set) var relations: [[Bool]]

    init(_ found: [[Bool]], _ indexes: [ClosureIndex]) throws(ClosureIndex.Damage) {
        strings = indexes.map { Array(repeating: false, count: $0.strings.count(in: $0)) }
        relations = indexes.map { Array(repeating: false, count: $0.count(.relations) / 3) }
        for (number, index) in indexes.enumerated() {
            for package in found[number].indices where found[number][package] {
                let head = try index.package(package)
                for string in [head.name, head.version, head.arch] { try mark(string, number, index) }
                var all: [UInt32] = []
                try index.eachDependency(of: package) { all += $1 }
                for dependency in all { try mark(dependency, number, index) }
            }
        }
        // A string has its number from the first repository that knows it, needed there or not.
        for (number, index) in indexes.enumerated().dropFirst() {
            for string in strings[number].indices where strings[number][string] {
                let text = try index.strings.text(string, in: index)
                for earlier in 0..<number {
                    guard let other = try indexes[earlier].strings.number(of: text, in: indexes[earlier]) else { continue }
                    strings[earlier][other] = true
                    break
                }
            }
        }
    }

    private mutating func mark(_ id: UInt32, _ number: Int, _ index: ClosureIndex) throws(ClosureIndex.Damage) {
        guard id & ClosureIndex.relationBit != 0 else {
            guard id < strings[number].count else { throw index.damage() }
            strings[number][Int(id)] = true
            return
        }
        let relation = try index.relation(id)
        let place = Int(id ^ ClosureIndex.relationBit)
        if relations[number][place] { return }
        relations[number][place] = true
        try mark(relation.name, number, index)
        try mark(relation.version, number, index)
    }
}

/// The pool's numbers for an index's.
private struct Numbers {
    private let pool: SolvPool
    private let index: ClosureIndex
    private var strings: [Id]
    private var relations: [Id]

    init(_ marks: StringMarks, of number: Int, _ index: ClosureIndex, in pool: SolvPool) throws(ClosureIndex.Damage) {
        self.pool = pool
        self.index = index
        strings = Array(repeating: 0, count: marks.strings[number].count)
        relations = Array(repeating: 0, count: marks.relations[number].count)
        for string in strings.indices where marks.strings[number][string] {
            let text = try index.strings.text(string, in: index)
            strings[string] = text.withMemoryRebound(to: CChar.self) {
                pool_strn2id(pool.raw, $0.baseAddress, UInt32($0.count), 1)
            }
        }
        for relation in relations.indices where marks.relations[number][relation] {
            _ = try pooled(UInt32(relation) | ClosureIndex.relationBit)
        }
    }

    private mutating func pooled(_ id: UInt32, depth: Int = 0) throws(ClosureIndex.Damage) -> Id {
        guard depth < ClosureIndex.maximumDepth else { throw index.damage() }
        guard id & ClosureIndex.relationBit != 0 else { return strings[Int(id)] }
        let place = Int(id ^ ClosureIndex.relationBit)
        if relations[place] == 0 {
            let relation = try index.relation(id)
            relations[place] = pool_rel2id(
                pool.raw, try pooled(relation.name, depth: depth + 1), try pooled(relation.version, depth: depth + 1),
                Int32(bitPattern: relation.flags), 1)
        }
        return relations[place]
    }

    mutating func load(
        _ package: Int, as id: Id, of repository: UnsafeMutablePointer<Repo>, _ data: UnsafeMutablePointer<Repodata>?
    ) throws(ClosureIndex.Damage) {
        let head = try index.package(package)
        guard max(head.name, head.version, head.arch) < strings.count else { throw index.damage() }
        let solvable = pool.solvable(id)
        solvable.pointee.name = strings[Int(head.name)]
        solvable.pointee.evr = strings[Int(head.version)]
        solvable.pointee.arch = strings[Int(head.arch)]
        try index.eachDependency(of: package) { (kind, dependencies) throws(ClosureIndex.Damage) in
            var list: Offset = 0
            for dependency in dependencies { list = repo_addid(repository, list, try pooled(dependency)) }
            solvable.pointee[keyPath: kind.offset] = list
        }
        for path in try index.files(of: package) {
            let text = try index.paths.text(Int(path), in: index)
            guard let slash = text.lastIndex(of: UInt8(ascii: "/")) else { throw index.damage() }
            let directory = String(decoding: text[..<slash], as: UTF8.self)
            let number = repodata_str2dir(data, directory.isEmpty ? "/" : directory, 1)
            guard number > 0 else { throw index.damage() }
            text[(slash + 1)...].withMemoryRebound(to: CChar.self) { name in
                // The text ends with a zero byte.
                repodata_add_dirstr(data, id, SOLVABLE_FILELIST.id, number, name.baseAddress)
            }
        }
    }
}
