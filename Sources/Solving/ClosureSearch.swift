internal import CSolv
internal import Glibc
internal import Model
internal import Repositories

/// Finds the packages that a request can have to do with: those that it names, all that these or installed packages can need, what
/// obsoletes or supplements any of them, and what excludes are compared with.
///
/// By names alone, whatever the versions, so rather too many than too few: the solver finds among them what it finds among
/// all. What it has to say where it finds nothing may need the rest.
final class ClosureSearch {
    private typealias Damage = ClosureIndex.Damage

    private let indexes: [ClosureIndex]
    private let weakDependencies: Bool
    /// By index and package: what was found, and what was found to be possibly installed, so that its needs count.
    private(set) var found: [[Bool]]
    private var followed: [[Bool]]
    /// By index and string: what was looked for already.
    private var wanted: [[Bool]]
    private var obsoleted: [[Bool]]
    private var supplemented: [[Bool]]
    private var queue: [(index: Int, package: Int)] = []

    init(_ request: SolveRequest, in indexes: [ClosureIndex], installed pool: SolvPool) throws(ClosureIndex.Damage) {
        self.indexes = indexes
        weakDependencies = request.weakDependencies
        found = indexes.map { Array(repeating: false, count: $0.packageCount) }
        followed = found
        wanted = indexes.map { Array(repeating: false, count: $0.strings.count(in: $0)) }
        (obsoleted, supplemented) = (wanted, wanted)
        try seed(request)
        if pool.raw.pointee.installed != nil { try seed(installed: pool) }
        while let (index, package) = queue.popLast() { try expand(index, package) }
    }

    // MARK: - Where it begins

    private func seed(_ request: SolveRequest) throws(Damage) {
        let members = request.groups.flatMap(\.members)
        for spec in request.specs + members.map(\.name) + members.compactMap(\.condition) {
            try eachPackage(named: spec, follow)
            try withText(Comparison(spec)?.name ?? spec, want)
        }
        for spec in request.repositories.flatMap({ $0.excludes + $0.includes }) + request.excludes + request.includes
            + request.weakExcludes + request.pins.map(\.name)
        {
            // Without the rest of what they mean: a spec is read in the first way that any package fits.
            try eachPackage(named: spec) { index, package in found[index][package] = true }
        }
        if weakDependencies { try seedSupplementersOfFiles() }
        guard let modules = request.modules else { return }
        for name in modules.profileMembers { try withText(name, want) }
        try withText("system-release", want)
    }

    /// Who owns a file that only file lists tell is found out where somebody supplements it.
    private func seedSupplementersOfFiles() throws(Damage) {
        for (number, index) in indexes.enumerated() {
            let pairs = try index.words(.supplementers, 0, index.count(.supplementers))
            for pair in 0..<pairs.count / 2 {
                let text = try index.strings.text(Int(pairs[2 * pair]), in: index)
                let package = Int(pairs[2 * pair + 1])
                guard package < index.packageCount else { throw index.damage() }
                if text.first == UInt8(ascii: "/") { found[number][package] = true }
            }
        }
    }

    private func seed(installed pool: SolvPool) throws(Damage) {
        for id in pool.packages(of: pool.raw.pointee.installed) {
            let name = pool.solvable(id).pointee.name
            try withText(of: name, in: pool, want)
            try withText(of: name, in: pool, obsoletedBy)
            var kinds: [solv_knownid] = [SOLVABLE_REQUIRES, SOLVABLE_CONFLICTS]
            if weakDependencies { kinds.append(SOLVABLE_RECOMMENDS) }
            for kind in kinds {
                for dependency in pool.dependencies(kind, of: id) {
                    for name in pool.names(in: dependency) { try withText(of: name, in: pool, want) }
                }
            }
            guard weakDependencies else { continue }
            for dependency in pool.dependencies(SOLVABLE_PROVIDES, of: id) {
                for name in pool.names(in: dependency) { try withText(of: name, in: pool, supplementedBy) }
            }
        }
    }

    /// Every package whose name fits a reading of the spec.
    private func eachPackage(
        named spec: String, _ body: (_ index: Int, _ package: Int) throws(ClosureIndex.Damage) -> Void
    ) throws(ClosureIndex.Damage) {
        for name in Set(SpecForm.readings(of: spec).map(\.name)) {
            for (number, index) in indexes.enumerated() {
                if isGlob(name) {
                    try eachPackage(in: number, fitting: name, body)
                    continue
                }
                guard let string = try index.strings.number(of: name, in: index) else { continue }
                for package in try index.providers(of: string) where Int(try index.package(Int(package)).name) == string {
                    try body(number, Int(package))
                }
            }
        }
    }

    private func eachPackage(
        in number: Int, fitting pattern: String, _ body: (_ index: Int, _ package: Int) throws(ClosureIndex.Damage) -> Void
    ) throws(ClosureIndex.Damage) {
        let index = indexes[number]
        var fits: [UInt32: Bool] = [:]
        for package in 0..<index.packageCount {
            let name = try index.package(package).name
            let isOne: Bool
            if let known = fits[name] {
                isOne = known
            } else {
                let text = try index.strings.text(Int(name), in: index)
                isOne = text.withMemoryRebound(to: CChar.self) { fnmatch(pattern, $0.baseAddress, 0) == 0 }
                fits[name] = isOne
            }
            if isOne { try body(number, package) }
        }
    }

    // MARK: - How it goes on

    private func follow(_ index: Int, _ package: Int) {
        guard package < followed[index].count, !followed[index][package] else { return }
        followed[index][package] = true
        found[index][package] = true
        queue.append((index, package))
    }

    private func expand(_ number: Int, _ package: Int) throws(Damage) {
        let index = indexes[number]
        let name = try index.strings.text(Int(try index.package(package).name), in: index)
        try obsoletedBy(name)
        // The other architecture's package of the name is kept in step, other versions are what it may be replaced by.
        try want(name)
        try index.eachDependency(of: package) { (kind, dependencies) throws(ClosureIndex.Damage) in
            switch kind {
            case .requires: for one in dependencies { try want(one, of: number) }
            case .recommends where weakDependencies: for one in dependencies { try want(one, of: number) }
            // What a rich one depends on may come along because of it.
            case .conflicts: for one in dependencies where one & ClosureIndex.relationBit != 0 { try want(one, of: number) }
            case .provides where weakDependencies:
                for one in dependencies {
                    try eachName(in: one, index) { (name) throws(ClosureIndex.Damage) in
                        guard !supplemented[number][name] else { return }
                        try supplementedBy(try index.strings.text(name, in: index))
                    }
                }
            default: break
            }
        }
        guard weakDependencies else { return }
        for path in try index.files(of: package) { try supplementedBy(try index.paths.text(Int(path), in: index)) }
    }

    private func want(_ dependency: UInt32, of number: Int) throws(Damage) {
        let index = indexes[number]
        try eachName(in: dependency, index) { (name) throws(ClosureIndex.Damage) in
            guard !wanted[number][name] else { return }
            try want(try index.strings.text(name, in: index))
        }
    }

    /// The plain names that a dependency is made of, as `SolvPool.names`.
    private func eachName(
        in dependency: UInt32, _ index: ClosureIndex, depth: Int = 0, _ body: (Int) throws(ClosureIndex.Damage) -> Void
    ) throws(ClosureIndex.Damage) {
        guard depth < ClosureIndex.maximumDepth else { throw index.damage() }
        guard dependency & ClosureIndex.relationBit != 0 else {
            guard dependency < index.strings.count(in: index) else { throw index.damage() }
            return try body(Int(dependency))
        }
        let relation = try index.relation(dependency)
        try eachName(in: relation.name, index, depth: depth + 1, body)
        if relation.flags > UInt32(REL_GT | REL_EQ | REL_LT) {
            try eachName(in: relation.version, index, depth: depth + 1, body)
        }
    }

    /// Follows whatever provides the name or owns the file.
    private func want(_ text: ClosureIndex.Text) throws(Damage) {
        for (number, index) in indexes.enumerated() {
            if let name = try index.strings.number(of: text, in: index), !wanted[number][name] {
                wanted[number][name] = true
                for package in try index.providers(of: name) { follow(number, Int(package)) }
            }
            guard text.first == UInt8(ascii: "/"), let path = try index.paths.number(of: text, in: index) else { continue }
            for package in try index.owners(of: path) { follow(number, Int(package)) }
        }
    }

    private func obsoletedBy(_ text: ClosureIndex.Text) throws(Damage) {
        try follow(.obsoleters, of: text, &obsoleted)
    }

    private func supplementedBy(_ text: ClosureIndex.Text) throws(Damage) {
        try follow(.supplementers, of: text, &supplemented)
    }

    private func follow(
        _ section: ClosureIndex.Section, of text: ClosureIndex.Text, _ done: inout [[Bool]]
    ) throws(Damage) {
        for (number, index) in indexes.enumerated() {
            guard let name = try index.strings.number(of: text, in: index), !done[number][name] else { continue }
            done[number][name] = true
            for package in try index.paired(section, with: name) { follow(number, package) }
        }
    }

    private func withText(
        _ text: String, _ body: (ClosureIndex.Text) throws(ClosureIndex.Damage) -> Void
    ) throws(ClosureIndex.Damage) {
        let bytes = Array(text.utf8)
        try bytes.withUnsafeBufferPointer { (text) throws(ClosureIndex.Damage) in try body(text) }
    }

    private func withText(
        of id: Id, in pool: SolvPool, _ body: (ClosureIndex.Text) throws(ClosureIndex.Damage) -> Void
    ) throws(ClosureIndex.Damage) {
        guard let text = pool_id2str(pool.raw, id) else { return }
        try body(UnsafeRawBufferPointer(start: text, count: strlen(text)).bindMemory(to: UInt8.self))
    }
}

extension ClosureIndex.TextTable {
    func number(of text: String, in index: ClosureIndex) throws(ClosureIndex.Damage) -> Int? {
        let bytes = Array(text.utf8)
        return try bytes.withUnsafeBufferPointer { (text) throws(ClosureIndex.Damage) in try number(of: text, in: index) }
    }
}

extension ModuleRequest {
    /// The packages of all profiles: which of them are asked for is found out later.
    fileprivate var profileMembers: Set<String> {
        specs.isEmpty ? [] : Set(sources.flatMap(\.metadata.streams).flatMap(\.profiles).flatMap(\.packages))
    }
}
